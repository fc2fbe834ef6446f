"""What a method is given, and what it gives back.

`N` examples, `C` classes; what an input looks like is the network's affair.
"""

from collections.abc import Callable, Sequence
import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import numpy as np

from unsc_jax import batching
from unsc_jax import moments as moments_lib
from unsc_jax import null_space
from unsc_jax import session as session_lib
from unsc_jax import storage

Params = Any  # a pytree of arrays, running statistics included


@functools.partial(
    jax.tree_util.register_dataclass, data_fields=('x', 'y'), meta_fields=())
@dataclasses.dataclass(frozen=True)
class Examples:
  """Labelled examples in host memory, a pytree."""
  x: np.ndarray  # [N, ...] inputs, ready for the network
  y: np.ndarray  # [N] integer labels, or [N, C] the probabilities of labels

  def __len__(self) -> int:
    return len(self.y)

  def where(self, mask: np.ndarray | slice) -> 'Examples':
    """The examples that a boolean mask [N], indices or a slice selects."""
    return Examples(self.x[mask], self.y[mask])

  def spread(self, count: int) -> 'Examples':
    """So many of them, at even distances; all if there are no more."""
    n = len(self)
    return self if count >= n else self.where(np.arange(count) * n // count)

  def drawn(self, count: int, key: jax.Array) -> 'Examples':
    """So many of them, at random; all, in a random order, if there are no more."""
    order = np.random.default_rng(batching.seed_of(key)).permutation(len(self))
    return self.where(order[:count])

  def replace(self, **changes: np.ndarray) -> 'Examples':
    """The same with other `x` or `y`."""
    return dataclasses.replace(self, **changes)


def _as_in_evaluation(fn):
  return lambda params, x, key: (fn(params, x), params)


@dataclasses.dataclass(frozen=True)
class Network:
  """A classifier as a few pure functions; no base class, no framework.

  Attributes:
    fn: `(params, x) -> logits [N, C]` as in evaluation: no dropout, running
      statistics used and left alone.
    init: `key -> params`, fresh ones. Needed by methods that train from scratch
      or reset weights.
    train_fn: `(params, x, key) -> (logits, params)` as in training; returns the
      params with whatever the pass rewrote, such as running statistics. By
      default it is `fn`.
    trainable: tells by path which leaves an optimiser may touch; running
      statistics it may not.
    finish: `(params, x) -> params` after training from scratch, to estimate
      running statistics anew on training inputs `x`.
  """
  fn: Callable[[Params, jax.Array], jax.Array]
  init: Callable[[jax.Array], Params] | None = None
  train_fn: Callable[..., tuple[jax.Array, Params]] | None = None
  trainable: Callable[[str], bool] = lambda path: True
  finish: Callable[[Params, np.ndarray], Params] = lambda params, x: params

  @property
  def training(self) -> Callable[..., tuple[jax.Array, Params]]:
    return self.train_fn or _as_in_evaluation(self.fn)


@dataclasses.dataclass(frozen=True)
class Problem:
  """A trained network, and which of its training data to forget.

  Attributes:
    network: how to evaluate and train it.
    params: the trained parameters.
    retain: training examples whose influence stays.
    forget: training examples whose influence goes.
    num_classes: `C`.
    forget_classes: the classes that `forget` is the whole of, if it is one of
      whole classes; empty for a request of single examples.
    held_out: examples of all classes that the network was not trained on, for
      targets that need to know how it speaks of the unseen. Never test data.
    session: where and how methods run; a checkpoint in it is of one method and
      one key.

  Raises:
    ValueError: either set is empty, a class to forget still has examples to
      retain, or a label is out of range.
  """
  network: Network
  params: Params
  retain: Examples
  forget: Examples
  num_classes: int
  forget_classes: tuple[int, ...] = ()
  held_out: Examples | None = None
  session: session_lib.Session = session_lib.DEFAULT

  def __post_init__(self):
    if not len(self.forget):
      raise ValueError('the forget set is empty: name what is to be forgotten.')
    if not len(self.retain):
      raise ValueError(
          'nothing is left to retain: forgetting everything needs no method, '
          'only a new network.')
    for name, examples in (('retain', self.retain), ('forget', self.forget)):
      if examples.y.min() < 0 or examples.y.max() >= self.num_classes:
        raise ValueError(
            f'the {name} set has labels outside 0 to {self.num_classes - 1}; '
            'give the number of classes that the network has.')
    both = np.intersect1d(self.retain.y, self.forget_classes)
    if both.size:
      raise ValueError(
          f'class {both[0]} is to be forgotten and has examples to retain; '
          'use `split_classes`, or leave forget_classes empty.')

  @property
  def fn(self) -> Callable[[Params, jax.Array], jax.Array]:
    return self.network.fn

  @property
  def retain_classes(self) -> tuple[int, ...]:
    return tuple(int(c) for c in np.unique(self.retain.y))

  def identity(self) -> dict[str, str]:
    """Hashes of inputs, labels and parameters; reads all of them, once."""
    return self._identity

  @functools.cached_property
  def _identity(self) -> dict[str, str]:
    sets = [part for part in (self.retain, self.forget, self.held_out) if part is not None]
    return {'inputs': storage.fingerprint([examples.x for examples in sets]),
            'labels': storage.fingerprint([examples.y for examples in sets]),
            'parameters': storage.fingerprint(self.params)}


class Unlearned(NamedTuple):
  """What a method gives back.

  Attributes:
    fn: `(params, x) -> logits`; the problem's own, unless the method changes
      the network and not its weights.
    params: the new parameters.
    history: what was recorded, name to `[steps]`.
    seconds: wall time by phase.
    moments: of the retained inputs, where the method took them.
    bases: what the update was confined to, where it was.
  """
  fn: Callable[[Params, jax.Array], jax.Array]
  params: Params
  history: dict[str, np.ndarray]
  seconds: dict[str, float]
  moments: moments_lib.Moments | None = None
  bases: null_space.Confinement | None = None


Method = Callable[[Problem, jax.Array], Unlearned]


def split_classes(
    examples: Examples, classes: Sequence[int]
) -> tuple[Examples, Examples]:
  """Splits examples into those to retain and those of the classes to forget.

  Args:
    examples: the training examples.
    classes: which classes to forget.

  Returns:
    `(retain, forget)`.

  Raises:
    ValueError: no class is named, one is not in the data, or none would remain.

  Example:
    >>> data = Examples(np.zeros((4, 2)), np.array([0, 1, 2, 1]))
    >>> retain, forget = split_classes(data, [1])
    >>> len(retain), len(forget)
    (2, 2)
  """
  present = np.unique(examples.y)
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
  mask = np.isin(examples.y, classes)
  return examples.where(~mask), examples.where(mask)


def split_random(
    examples: Examples, share: float, seed: int
) -> tuple[Examples, Examples]:
  """Splits off a random share of the examples, to be forgotten.

  Args:
    examples: the training examples.
    share: of the examples, in (0, 1).
    seed: of the draw.

  Returns:
    `(retain, forget)`.

  Raises:
    ValueError: the share leaves one of the two empty.

  Example:
    >>> data = Examples(np.zeros((10, 2)), np.arange(10))
    >>> [len(part) for part in split_random(data, .3, seed=0)]
    [7, 3]
  """
  n = len(examples)
  count = round(share * n)
  if not 0 < count < n:
    raise ValueError(
        f'a share of {share} of {n} examples leaves nothing to forget or '
        'nothing to retain; choose one between 0 and 1.')
  mask = np.zeros(n, bool)
  mask[np.random.default_rng(seed).choice(n, count, replace=False)] = True
  return examples.where(~mask), examples.where(mask)
