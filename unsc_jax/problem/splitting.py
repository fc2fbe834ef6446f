"""Which of the training examples are to be forgotten: whole classes, or some by chance."""

from collections.abc import Sequence

import numpy as np

from unsc_jax.problem import checks
from unsc_jax.problem import examples as examples_lib


def split_classes(
    examples: examples_lib.Examples, classes: Sequence[int], *,
    forgotten: Sequence[int] = (),
) -> tuple[examples_lib.Examples, examples_lib.Examples]:
  """Splits examples into those to retain and those of the classes to forget.

  Args:
    examples: the training examples.
    classes: which classes to forget.
    forgotten: the classes of earlier requests, whose examples are left out.

  Returns:
    `(retain, forget)`.

  Raises:
    ValueError: no class is named, one is not in the data, or none would remain.

  Example:
    >>> data = examples_lib.Examples(np.zeros((4, 2)), np.array([0, 1, 2, 1]))
    >>> retain, forget = split_classes(data, [1])
    >>> len(retain), len(forget)
    (2, 2)
    >>> [len(part) for part in split_classes(data, [1], forgotten=[0])]
    [1, 2]
  """
  examples = _left(examples, forgotten)
  present = np.unique(examples.labels)
  if not len(classes):
    raise ValueError(
        'the forget set is empty: name at least one class to forget, out of '
        f'{", ".join(map(str, present))}.')
  for c in classes:
    if c not in present:
      raise ValueError(
          f'class {c} is not in the data; choose among '
          f'{", ".join(map(str, present))}.')
  if set(present.tolist()) <= set(classes):
    raise ValueError(
        'all classes would be forgotten; leave at least one to retain.')
  mask = np.isin(examples.labels, classes)
  return examples.where(~mask), examples.where(mask)


def split_random(
    examples: examples_lib.Examples, share: float, seed: int, *,
    forgotten: Sequence[int] = (),
) -> tuple[examples_lib.Examples, examples_lib.Examples]:
  """Splits off a random share of the examples, to be forgotten.

  Args:
    examples: the training examples.
    share: of the examples, in (0, 1).
    seed: of the draw.
    forgotten: the classes of earlier requests, whose examples are left out.

  Returns:
    `(retain, forget)`.

  Raises:
    ValueError: the share leaves one of the two empty.

  Example:
    >>> data = examples_lib.Examples(np.zeros((10, 2)), np.arange(10))
    >>> [len(part) for part in split_random(data, .3, seed=0)]
    [7, 3]
  """
  examples = _left(examples, forgotten)
  n = len(examples)
  count = round(share * n)
  if not 0 < count < n:
    raise ValueError(
        f'a share of {share} of {n} examples leaves nothing to forget or '
        'nothing to retain; choose one between 0 and 1.')
  mask = np.zeros(n, bool)
  mask[np.random.default_rng(seed).choice(n, count, replace=False)] = True
  return examples.where(~mask), examples.where(mask)


def _left(examples, forgotten: Sequence[int]) -> examples_lib.Examples:
  """Those that no earlier request took, with labels that can be told apart."""
  return checks.checked(examples, 'the training set', None).without(forgotten)
