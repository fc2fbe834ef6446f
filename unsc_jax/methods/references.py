"""What methods are read beside: retraining, and networks that have forgotten nothing."""

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.parts import head


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


def original() -> problem_lib.Method:
  """Does nothing. A measure that does not flag it measures no unlearning.

  Returns:
    The method. It needs no data and no pass over the network.

  Example:
    >>> method = original()

  Source: a row of all of the field's tables.
  """
  def method(problem, key):
    del key
    return problem_lib.Unlearned(problem.fn, problem.params, {}, {})
  return method


def head_only() -> problem_lib.Method:
  r"""Masks the forgotten classes' logits; no weight is touched.

  .. math:: f(x)_c = -\infty \quad \text{for } c \in F

  Any measure on which it ties with a method does not measure unlearning. Its
  masked logits are a very low but finite number.

  Returns:
    The method. It needs no data and no pass over the network.

  Raises:
    ValueError: when used: the request is not one of whole classes.

  Example:
    >>> import numpy as np
    >>> examples = problem_lib.Examples(np.array([[3., 2.], [1., 2.]]), np.array([0, 1]))
    >>> problem = problem_lib.Problem(
    ...     problem_lib.Network(lambda params, x: x), {},
    ...     *problem_lib.split_classes(examples, [0]), 2, (0,))
    >>> done = head_only()(problem, None)
    >>> print(done.fn(done.params, examples.x).argmax(-1))
    [1 1]

  Source: ours, as a control.
  """
  def method(problem, key):
    del key
    classes = parts.whole_classes(problem, 'head_only')
    fn = head.masked_fn(problem.fn, classes)
    return problem_lib.Unlearned(fn, problem.params, {}, {})
  return method
