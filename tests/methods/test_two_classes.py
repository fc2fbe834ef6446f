"""Two classes of the digits are forgotten at once, and the rest is kept."""

import dataclasses

import jax
import numpy as np
import optax
import pytest

from unsc_jax import methods
from unsc_jax import problem as problem_lib
from unsc_jax import training

CLASSES = (3, 5)
SGD = lambda rate: optax.sgd(rate, momentum=.9)
METHODS = {
    'class_projection': methods.class_projection(),
    'delete': methods.delete(SGD(.003), steps=40),
    'eu_k': methods.eu_k(SGD(.05)),
    'salun': methods.salun(SGD(.02), rounds=5),
    'unsc': methods.unsc(),
}


@pytest.mark.parametrize('name', METHODS)
def test_both_go_and_the_rest_stays(name, problem, digits):
  retain, forget = problem_lib.split_classes(digits.train, CLASSES)
  request = dataclasses.replace(
      problem, retain=retain, forget=forget, forget_classes=CLASSES)
  kept = digits.test.where(~np.isin(digits.test.y, CLASSES))
  done = METHODS[name](request, jax.random.key(1))

  def right(params, examples):
    logits = training.predict(done.fn, params, examples.x)
    return (logits.argmax(-1) == examples.y).mean()
  for c in CLASSES:
    one = forget.where(forget.y == c)
    assert right(done.params, one) < .15
    assert right(request.params, one) > .95
  assert right(done.params, kept) > .93
