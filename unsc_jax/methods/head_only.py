"""The original network that no longer says the class: the control row."""

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import head


def head_only() -> problem_lib.Method:
  r"""Masks the forgotten classes' logits; no weight is touched.

  .. math:: f(x)_c = -\infty \quad \text{for } c \in F

  `F` are the classes to forget and those of earlier requests.

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
    fn = head.masked_fn(problem.fn, tuple(sorted({*classes, *problem.forgotten})))
    return problem_lib.Unlearned(fn, problem.params, {}, {})
  return method
