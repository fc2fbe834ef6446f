"""Training from scratch without what is to be forgotten: the reference."""

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax import training


def retrain(recipe: training.Recipe) -> problem_lib.Method:
  r"""Trains a new network on the retain set alone.

  .. math:: \theta_r = \arg\min_\theta L(\theta; D_r)

  Everything else is judged by its gap to this one, over several seeds.

  Args:
    recipe: the one that the original was trained by.

  Returns:
    The method. Cost: `3 * epochs * |D_r|` passes; the forget set is not touched.

  Raises:
    ValueError: when used: the network has no `init`.

  Example:
    >>> import optax
    >>> method = retrain(training.Recipe(lambda steps: optax.adam(1e-3), 10, 64))

  Source: the definition of unlearning in all of the field's papers.
  """
  def method(problem, key):
    stopwatch = parts.Stopwatch()
    with stopwatch('training'):
      fitted = training.train(
          problem.network, problem.retain, recipe, key, session=problem.session,
          label='retraining')
    return problem_lib.Unlearned(
        problem.fn, fitted.params, fitted.history, stopwatch.seconds)
  return method
