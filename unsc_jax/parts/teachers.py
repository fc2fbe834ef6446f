"""What another network says of the examples, for methods that distil.

Targets, as in `unsc_jax.targets`, whose answers are logits `[N, C]` of a teacher.
"""

from unsc_jax import training
from unsc_jax.parts import targets


def teacher_logits(*, of_retain: bool = False) -> targets.Target:
  """What the original network says itself, of the forget set.

  Args:
    of_retain: of the retain set instead.

  Returns:
    The target; logits `[N, C]`.

  Example:
    >>> import jax, numpy as np
    >>> from unsc_jax import problem as problem_lib
    >>> network = problem_lib.Network(lambda params, x: x * params)
    >>> examples = problem_lib.Examples(np.array([[1., 2.]]), np.array([0]))
    >>> problem = problem_lib.Problem(network, 3., examples, examples, 2)
    >>> print(teacher_logits()(problem, jax.random.key(0)))
    [[3. 6.]]

  Source: the teacher of Bad Teacher and SCRUB, exact from their code.
  """
  def target(problem, key):
    del key
    x = (problem.retain if of_retain else problem.forget).x
    return training.answers(problem, problem.params, x)
  return target


def novice_logits() -> targets.Target:
  """What a freshly initialised network says of the forget set.

  Returns:
    The target; logits `[N, C]`.

  Raises:
    ValueError: when used: the network has no `init`.

  Example:
    >>> import jax, numpy as np
    >>> from unsc_jax import problem as problem_lib
    >>> network = problem_lib.Network(lambda params, x: x * params, lambda key: 0.)
    >>> examples = problem_lib.Examples(np.array([[1., 2.]]), np.array([0]))
    >>> problem = problem_lib.Problem(network, 3., examples, examples, 2)
    >>> print(novice_logits()(problem, jax.random.key(0)))
    [[0. 0.]]

  Source: the incompetent teacher of Bad Teacher, exact from its code.
  """
  def target(problem, key):
    return training.answers(
        problem, training.fresh(problem.network, key), problem.forget.x)
  return target
