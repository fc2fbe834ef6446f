"""The original network, as it was: the row that has forgotten nothing."""

from unsc_jax import problem as problem_lib


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
