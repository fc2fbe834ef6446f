"""Parameters by path: what a leaf of a pytree is called."""

from collections.abc import Iterator
import dataclasses
from typing import Any, Generic, TypeVar

import jax
import numpy as np

Item = TypeVar('Item')


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True, eq=False)
class Static(Generic[Item]):
  """A pytree without leaves: what a traced function returns that is no array."""
  value: Item


@dataclasses.dataclass(frozen=True)
class ByPath(Generic[Item]):
  """What there is to know of each use of each captured parameter.

  `items['w']` is the item of the only use of `w`; iteration goes over every use of
  every parameter.

  Attributes:
    by_path: parameter path to its items, one for each way of using it: a tied
      embedding has two, almost everything else has one.
  """
  by_path: dict[str, tuple[Item, ...]]

  def __getitem__(self, path: str) -> Item:
    items, name = self.by_path.get(path, ()), type(self).__name__.lower()
    if len(items) == 1:
      return items[0]
    if items:
      raise KeyError(
          f'{path} is used in {len(items)} ways; choose one of '
          f'`{name}.by_path[{path!r}]`.')
    raise KeyError(
        f'no {name} for {path!r}: the captured parameters are '
        f'{", ".join(self.by_path) or "none"}.')

  def __iter__(self) -> Iterator[Item]:
    return (item for items in self.by_path.values() for item in items)

  def __contains__(self, path: str) -> bool:
    return path in self.by_path


def leaf_paths(tree: Any) -> dict[str, Any]:
  """A pytree's leaves by path, such as `'Dense_0/kernel'`.

  The last step into a `flax.nnx.Variable` is left out, so that a parameter has
  the same name in an `nnx.State` and in its pure dictionary. Key paths do not
  tell it from another class's field `value`: that too goes by its owner's name.

  Raises:
    ValueError: two leaves have the same path.
  """
  flat, _ = jax.tree_util.tree_flatten_with_path(tree)
  leaves = {path_name(path): leaf for path, leaf in flat}
  if len(leaves) < len(flat):
    names = [path_name(path) for path, _ in flat]
    twice = next(name for name in names if names.count(name) > 1)
    raise ValueError(
        f'two parameters have the path {twice!r}, and could not be told apart; '
        'rename one of them.')
  return leaves


def apart(one: Any, other: Any) -> list[str]:
  """The paths of leaves that two pytrees do not both have, in one shape.

  Example:
    >>> apart({'w': np.ones(2), 'b': np.ones(1)}, {'w': np.ones(3), 'b': np.ones(1)})
    ['w']
  """
  shapes = [{path: np.shape(leaf) for path, leaf in leaf_paths(tree).items()}
            for tree in (one, other)]
  return [path for path in dict.fromkeys((*shapes[0], *shapes[1]))
          if shapes[0].get(path) != shapes[1].get(path)]


def path_name(path: tuple) -> str:
  """A key path as one string, `'Dense_0/kernel'`."""
  name = jax.tree_util.keystr(path, simple=True, separator='/')
  wrapped = path and isinstance(path[-1], jax.tree_util.GetAttrKey)
  return name.removesuffix('/value') if wrapped else name


def check_arrays(leaves: dict[str, Any]) -> None:
  """Raises TypeError if a leaf is no array, naming its path."""
  for path, leaf in leaves.items():
    if not hasattr(leaf, 'dtype') and not isinstance(leaf, float | int | complex):
      raise TypeError(
          f'the leaf {path!r} of the parameters is a {type(leaf).__name__}, not '
          'an array; split the parameters from the rest of the model first, '
          'with flax.nnx.split or equinox.partition.')
