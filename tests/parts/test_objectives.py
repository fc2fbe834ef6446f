"""Objectives: what is averaged over what, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from unsc_jax.parts import objectives
from unsc_jax.parts.schedules import Batch
from unsc_jax.problem import Examples

KEY = jax.random.key(0)
FN = lambda w, x: x * w
MEAN = lambda logits, y: logits.mean()
FORGET = Examples(np.full((2, 1), 10.), np.zeros(2, int))
RETAIN = Examples(np.full((8, 1), 1.), np.zeros(8, int))


@pytest.mark.parametrize(('batch', 'per_example', 'value'), [
    (Batch(FORGET, RETAIN), False, 11.), (Batch(FORGET, RETAIN), True, 2.8),
    (Batch(forget=FORGET), False, 10), (Batch(retain=RETAIN), False, 1)])
def test_sum_of_means_or_mean_over_all_that_is_there(batch, per_example, value):
  objective = objectives.objective(forget=MEAN, retain=MEAN, per_example=per_example)
  assert float(objective.loss(FN)(1., batch, KEY)[0]) == pytest.approx(value)


def test_schedule_that_brings_what_has_no_term():
  loss = objectives.objective(retain=MEAN).loss(FN)
  with pytest.raises(ValueError, match='brings forget batches'):
    loss(1., Batch(FORGET, RETAIN), KEY)


def test_distillation_with_a_class_ruled_out_is_finite():
  teacher = jnp.array([[1., -1e9, 2.]])
  term = objectives.distillation()
  value, slope = jax.value_and_grad(term)(jnp.array([[.3, .2, .1]]), teacher)
  p, q = special.softmax([.3, .2, .1]), special.softmax(np.asarray(teacher[0], float))
  assert float(value) == pytest.approx(special.rel_entr(q, p).sum(), rel=1e-5)
  np.testing.assert_allclose(slope[0], p - q, atol=1e-6)
