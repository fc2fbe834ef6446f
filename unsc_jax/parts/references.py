"""What the original network says of the unseen, to be drawn from in every step."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.parts import answers as answers_lib


class Reference(NamedTuple):
  """Answers to held-out examples, in the order of their labels: `N` of `C` classes."""
  answers: jax.Array  # [N, C] probabilities
  first: jax.Array  # [C] where a label's examples begin
  count: jax.Array  # [C] how many it has


def of(problem: problem_lib.Problem) -> Reference:
  """What a problem's original network says of its held-out examples.

  What no forget example may be told to say is ruled out: classes that are to be
  forgotten as a whole, and those without examples.

  Raises:
    ValueError: there are no held-out examples, or none of a label to forget.

  Example:
    >>> network = problem_lib.Network(lambda params, x: x)
    >>> examples = problem_lib.Examples(np.zeros((3, 3)), np.arange(3))
    >>> problem = problem_lib.Problem(
    ...     network, {}, *problem_lib.split_classes(examples, [2]), 3, (2,), held_out=examples)
    >>> print(of(problem).answers[0])
    [0.5 0.5 0. ]
  """
  held_out = answers_lib.held_out_of(problem)
  logits = training.answers(problem, problem.original, held_out.x)
  answers = answers_lib.softmax(np.asarray(
      answers_lib.mask_classes(logits, answers_lib.ruled_out(problem))))
  count = np.bincount(held_out.labels, minlength=problem.num_classes)
  order = np.argsort(held_out.labels, kind='stable')
  return Reference(*map(jnp.asarray, (answers[order], np.cumsum(count) - count, count)))


def drawn(
    reference: Reference, labels: jax.Array, key: jax.Array, *, matched: bool = True
) -> jax.Array:
  """The mean answer `[C]` of held-out examples drawn for labels `[B]`, one for each.

  Args:
    reference: to draw from.
    labels: of a batch.
    key: of the draw.
    matched: draws of a label's own examples; otherwise of all.

  Example:
    >>> of_two = Reference(jnp.eye(2), jnp.array([0, 1]), jnp.array([1, 1]))
    >>> print(drawn(of_two, jnp.array([0, 1, 1, 1]), jax.random.key(0)))
    [0.25 0.75]
  """
  first, count = ((reference.first[labels], reference.count[labels]) if matched
                  else (0, len(reference.answers)))
  at = first + jax.random.randint(key, labels.shape, 0, count)
  return reference.answers[at].mean(0)
