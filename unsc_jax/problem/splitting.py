"""Which of the training examples are to be forgotten: whole classes, some by chance, or a list."""

from collections.abc import Iterable, Sequence

import numpy as np

from unsc_jax.problem import checks
from unsc_jax.problem import classes as classes_lib
from unsc_jax.problem import examples as examples_lib


def split_classes(
    examples: examples_lib.Examples, classes: Iterable[int], *,
    forgotten: Iterable[int] = (),
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
  classes = classes_lib.numbers(classes, 'the classes to forget')
  if not classes:
    raise ValueError(
        'the forget set is empty: name at least one class to forget, out of '
        f'{", ".join(map(str, present))}.')
  _check_present(classes, present)
  if set(present.tolist()) <= set(classes):
    raise ValueError(
        'all classes would be forgotten; leave at least one to retain.')
  mask = np.isin(examples.labels, classes)
  return examples.where(~mask), examples.where(mask)


def split_random(
    examples: examples_lib.Examples, share: float, seed: int, *,
    classes: Iterable[int] = (), forgotten: Iterable[int] = (),
) -> tuple[examples_lib.Examples, examples_lib.Examples]:
  """Splits off a random share of the examples, to be forgotten.

  Args:
    examples: the training examples.
    share: of the examples, or of those of `classes`, in (0, 1).
    seed: of the draw.
    classes: to draw from; by default all. DEL's requests that are not IID, a tenth of
      CIFAR-10 drawn from its classes 2 and 5, are `.5` of `(2, 5)`.
    forgotten: the classes of earlier requests, whose examples are left out.

  Returns:
    `(retain, forget)`.

  Raises:
    ValueError: the share leaves nothing to forget or nothing to retain, of the classes
      if some are named, or one of these is not in the data.

  Example:
    >>> data = examples_lib.Examples(np.zeros((10, 2)), np.arange(10) % 2)
    >>> [len(part) for part in split_random(data, .3, seed=0)]
    [7, 3]
    >>> split_random(data, .4, seed=0, classes=[1])[1].y.tolist()
    [1, 1]
  """
  if seed < 0:
    raise ValueError(f'the seed is {seed}; give a whole number from 0 on.')
  examples = _left(examples, forgotten)
  classes = classes_lib.numbers(classes, 'the classes to draw from')
  among = np.arange(len(examples))
  if classes:
    _check_present(classes, np.unique(examples.labels))
    among = np.flatnonzero(np.isin(examples.labels, classes))
  n = len(among)
  count = round(share * n) if 0 < share < 1 else 0  # of NaN as well
  if not 0 < count < n:
    raise ValueError(
        f'a share of {share} of {n} examples leaves nothing to forget or '
        'nothing to retain; choose one between 0 and 1.')
  return _apart(examples, np.random.default_rng(seed).choice(among, count, replace=False))


def split_indices(
    examples: examples_lib.Examples, indices: Sequence[int], *,
    forgotten: Iterable[int] = (),
) -> tuple[examples_lib.Examples, examples_lib.Examples]:
  """Splits off the examples at given places, to be forgotten.

  Args:
    examples: the training examples.
    indices: places in `examples`, from 0 on, each once; in any order.
    forgotten: the classes of earlier requests, whose examples are left out.

  Returns:
    `(retain, forget)`, both in the order of the examples.

  Raises:
    ValueError: no place is named, one is not in the data or named twice, its example
      went in an earlier request, or nothing would remain.

  Example:
    >>> data = examples_lib.Examples(np.zeros((4, 2)), np.array([0, 1, 2, 1]))
    >>> [part.y.tolist() for part in split_indices(data, [3, 0])]
    [[1, 2], [0, 1]]
  """
  places, n = np.asarray(indices), len(examples)
  if not places.size:
    raise ValueError('the forget set is empty: name at least one index to forget.')
  if places.ndim != 1 or places.dtype.kind not in 'iu':
    raise ValueError(
        f'indices are of type {places.dtype} and shape {[*places.shape]}; give whole '
        f'numbers [N] from 0 to {n - 1}, as `np.flatnonzero(mask)` makes them of a mask.')
  if outside := places[(places < 0) | (places >= n)].tolist():
    raise ValueError(
        f'index {outside[0]} is not in the data; choose among 0 to {n - 1}.')
  found, times = np.unique(places, return_counts=True)
  if (times > 1).any():
    raise ValueError(f'index {found[times > 1][0]} is named twice; name it once.')
  left = _left(examples.replace(x=np.arange(n)), forgotten).x  # places of what is left
  if gone := np.setdiff1d(places, left).tolist():
    raise ValueError(
        f'index {gone[0]} is of a class that was forgotten before; leave it out.')
  if len(places) == len(left):
    raise ValueError(
        'all examples would be forgotten; leave at least one to retain.')
  return _apart(_left(examples, forgotten), np.flatnonzero(np.isin(left, places)))


def _left(examples, forgotten: Iterable[int]) -> examples_lib.Examples:
  """Those that no earlier request took, with labels that can be told apart."""
  return checks.checked(examples, 'the training set', None).without(forgotten)


def split(
    examples: examples_lib.Examples, classes: Iterable[int] = (), *,
    share: float | None = None, seed: int = 0, share_of: Iterable[int] = (),
    indices: Sequence[int] = (),
) -> tuple[examples_lib.Examples, examples_lib.Examples]:
  """Splits off what a command line asks for: a share, places, or else whole classes.

  Args:
    examples: the training examples.
    classes: as for `split_classes`.
    share: as for `split_random`, with `seed`, and `share_of` as its classes.
    seed: see there.
    share_of: see there.
    indices: as for `split_indices`.

  Returns:
    `(retain, forget)`, both in the order of the examples.

  Raises:
    ValueError: as of the one that is asked for.

  Example:
    >>> data = examples_lib.Examples(np.zeros((4, 2)), np.array([0, 1, 2, 1]))
    >>> [split(data, [1])[1].y.tolist(), split(data, indices=[0])[1].y.tolist()]
    [[1, 1], [0]]
  """
  if share is not None:
    return split_random(examples, share, seed, classes=share_of)
  if indices:
    return split_indices(examples, indices)
  return split_classes(examples, classes)


def _check_present(classes: Sequence[int], present: np.ndarray) -> None:
  """Raises for the first class that has no example."""
  for c in classes:
    if c not in present:
      raise ValueError(
          f'class {c} is not in the data; choose among '
          f'{", ".join(map(str, present))}.')


def _apart(examples: examples_lib.Examples, forget: np.ndarray
           ) -> tuple[examples_lib.Examples, examples_lib.Examples]:
  """The others, and those at some places."""
  mask = np.zeros(len(examples), bool)
  mask[forget] = True
  return examples.where(~mask), examples.where(mask)
