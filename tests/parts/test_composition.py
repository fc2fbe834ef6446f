"""What a method is put together from: anything that is used as an optimiser of Optax."""

import jax
import numpy as np
import optax

from tests import toys
from unsc_jax import methods
from unsc_jax import problem as problem_lib


def test_multi_steps_is_an_optimiser():
  """It is of none of Optax's types: it was called as if it made one."""
  data = problem_lib.Examples(toys.normal(0, 12, 6), np.arange(12) % 3)
  problem = problem_lib.Problem(
      problem_lib.Network(lambda params, x: x @ params['w']), {'w': toys.normal(1, 6, 3)},
      *problem_lib.split_classes(data, [2]), 3, (2,))

  def after(optimizer, steps):
    done = methods.fine_tune(optimizer, steps=steps, batch_size=8)(problem, jax.random.key(0))
    return np.asarray(done.params['w'])

  every_other = lambda: optax.MultiSteps(optax.sgd(.1), 2)
  one = after(every_other(), 2)
  assert np.array_equal(one, after(every_other().gradient_transformation(), 2))
  assert np.array_equal(one, after(every_other(), 3))  # the third is kept for the fourth
  # The retained are eight: both batches are all of them.
  np.testing.assert_allclose(one, after(optax.sgd(.1), 1), rtol=1e-5)
