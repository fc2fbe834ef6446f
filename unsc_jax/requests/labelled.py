"""Examples as requests take them: one integer label for every input."""

import jax
import numpy as np

from unsc_jax import problem as problem_lib


def checked(examples: problem_lib.Examples, what: str) -> problem_lib.Examples:
  """The examples with their labels on the host.

  Args:
    examples: of any kind.
    what: they are called in an error.

  Raises:
    ValueError: labels are not integers, or not one for each input.

  Example:
    >>> checked(problem_lib.Examples(np.ones((2, 3)), np.zeros(1, int)), 'held-out')
    Traceback (most recent call last):
    ValueError: there are 1 labels for 2 inputs of the held-out examples; give one each.
  """
  labels = np.asarray(examples.y)
  if labels.ndim != 1 or labels.dtype.kind not in 'iu':
    raise ValueError(
        f'labels of the {what} examples are {labels.dtype} of shape {[*labels.shape]}; '
        'give one integer each.')
  for leaf in jax.tree.leaves(examples.x):
    if len(leaf) != len(labels):
      raise ValueError(
          f'there are {len(labels)} labels for {len(leaf)} inputs of the {what} '
          'examples; give one each.')
  return examples.replace(y=labels)
