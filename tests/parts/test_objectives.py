"""Objectives: what is averaged over what, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsc_jax.parts import objectives
from unsc_jax.parts.schedules import Batch
from unsc_jax.problem import Examples

KEY = jax.random.key(0)
FN = lambda w, x: x * w
MEAN = lambda logits, y: logits.mean()
FORGET = Examples(np.full((2, 1), 10.), np.zeros(2, int))
RETAIN = Examples(np.full((8, 1), 1.), np.zeros(8, int))


@pytest.mark.parametrize(('per_example', 'value'), [(False, 11.), (True, 2.8)])
def test_sum_of_means_or_mean_over_all(per_example, value):
  objective = objectives.objective(
      forget=MEAN, retain=MEAN, per_example=per_example)
  found, _ = objective.loss(FN)(1., Batch(FORGET, RETAIN), KEY)
  assert float(found) == pytest.approx(value)


def test_one_side_is_enough():
  loss = objectives.objective(forget=MEAN, retain=MEAN).loss(FN)
  assert float(loss(1., Batch(forget=FORGET), KEY)[0]) == 10
  assert float(loss(1., Batch(retain=RETAIN), KEY)[0]) == 1


def test_schedule_that_brings_what_has_no_term():
  loss = objectives.objective(retain=MEAN).loss(FN)
  with pytest.raises(ValueError, match='brings forget batches'):
    loss(1., Batch(FORGET, RETAIN), KEY)


def test_distillation_with_a_class_ruled_out_is_finite():
  teacher = jnp.array([[1., -1e9, 2.]])
  term = objectives.distillation()
  value, slope = jax.value_and_grad(term)(jnp.array([[.3, .2, .1]]), teacher)
  p = np.exp([.3, .2, .1]) / np.exp([.3, .2, .1]).sum()
  q = np.array([np.exp(1), 0, np.exp(2)]) / (np.exp(1) + np.exp(2))
  some = q > 0
  expected = np.sum(q[some] * np.log(q[some] / p[some]))
  assert float(value) == pytest.approx(expected, rel=1e-5)
  np.testing.assert_allclose(slope[0], p - q, atol=1e-6)
