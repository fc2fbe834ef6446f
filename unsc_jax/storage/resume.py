"""The state of a loop on the disk, so that a killed run goes on where it was.

Written by Orbax, in the background; what is not complete is not taken for a
state. What one number of devices or processes has stored, any other can read.
"""

from collections.abc import Callable, Iterator, Mapping
import contextlib
import dataclasses
import json
import os
import pathlib
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import sharding
from unsc_jax.storage import atomic
from unsc_jax.storage import checkpoints
from unsc_jax.storage import identity


@dataclasses.dataclass(frozen=True)
class Checkpoint:
  """The last states of one loop.

  Attributes:
    folder: of this loop and no other, or of several, each in a folder within
      it (see `/`); all processes must see it.
    every: how many steps between one state and the next.
    keep: how many states stay on the disk.
  """
  folder: str | os.PathLike[str]
  every: int = 100
  keep: int = 2

  def __truediv__(self, name: str) -> 'Checkpoint':
    """The same for a loop of this name, in a folder within this one."""
    safe = re.sub(r'[^\w.-]+', '-', name)
    return dataclasses.replace(self, folder=pathlib.Path(self.folder) / safe)


@dataclasses.dataclass(frozen=True)
class Store:
  """What a loop asks and tells.

  Attributes:
    latest: from a pytree of arrays to the stored values, on the devices that
      it lies on, and the record beside them; None where nothing is stored.
    save: `(step, tree, record)`; a record is of what JSON can hold.
    every: how many steps between saves; 0 is never.
  """
  latest: Callable[[Any], tuple[Any, dict[str, Any]] | None]
  save: Callable[[int, Any, Mapping[str, Any]], None]
  every: int


@contextlib.contextmanager
def opened(
    where: Checkpoint | None, run: Callable[[], Mapping[str, Any]]
) -> Iterator[Store]:
  """Opens a folder of states; everything is written when the block ends.

  Args:
    where: None is nowhere.
    run: gives what tells this run from others, for `identity.describe`; not called
      where nothing is kept.

  Yields:
    The store.

  Raises:
    ImportError: Orbax is not installed.
    ValueError: from `latest`: the folder holds the state of another run.

  Example:
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> for _ in range(2):
    ...   with opened(Checkpoint(folder.name), lambda: {'seed': 0}) as store:
    ...     w, at = store.latest({'w': np.zeros(2)}) or ({'w': np.ones(2)}, {'step': 0})
    ...     store.save(at['step'] + 1, w, {'step': at['step'] + 1})
    ...     print(at)
    {'step': 0}
    {'step': 1}
  """
  if where is None:
    yield Store(lambda like: None, lambda step, tree, record: None, 0)
    return
  ocp = checkpoints.orbax()
  folder = pathlib.Path(where.folder).absolute()
  folder.mkdir(parents=True, exist_ok=True)
  options = ocp.CheckpointManagerOptions(
      max_to_keep=where.keep, cleanup_tmp_directories=True)
  described = identity.describe(run())
  with ocp.CheckpointManager(folder, options=options) as manager:

    def latest(like):
      step = manager.latest_step()
      if step is None:
        return None
      record = manager.restore(
          step, args=ocp.args.Composite(record=ocp.args.JsonRestore()))['record']
      identity.check(
          folder, 'the state', record['run'], {**described, 'shapes': _shapes(like)})
      wanted = {i: ocp.utils.to_shape_dtype_struct(leaf)
                if sharding.mesh_of(leaf) is not None else np.asarray(leaf)
                for i, leaf in _leaves(like).items()}
      stored = manager.restore(step, args=ocp.args.Composite(
          state=ocp.args.StandardRestore(wanted)))['state']
      return _like(like, stored), record['record']

    def save(step, tree, record):
      if step == manager.latest_step():
        return
      manager.save(step, args=ocp.args.Composite(
          state=ocp.args.StandardSave(_leaves(tree)),
          record=ocp.args.JsonSave({
              'run': {**described, 'shapes': _shapes(tree)}, 'record': record})))

    yield Store(latest, save, where.every)


def _leaves(tree: Any) -> dict[str, Any]:
  """A pytree's leaves by number: Orbax knows all of that."""
  return {str(i): jax.random.key_data(leaf) if sharding.is_key(leaf) else leaf
          for i, leaf in enumerate(jax.tree.leaves(tree))}


def _like(tree: Any, leaves: Mapping[str, Any]) -> Any:
  """The pytree that `_leaves` took apart, from stored values."""
  def leaf_like(leaf, stored):
    if sharding.is_key(leaf):
      return jax.random.wrap_key_data(stored, impl=jax.random.key_impl(leaf))
    return jnp.asarray(stored) if isinstance(leaf, jax.Array) else stored

  own, structure = jax.tree.flatten(tree)
  return structure.unflatten(leaf_like(leaf, leaves[str(i)]) for i, leaf in enumerate(own))


def _shapes(tree: Any) -> list[list]:
  """Path, shape and dtype of every leaf."""
  return [[jax.tree_util.keystr(path), *leaf.shape, str(leaf.dtype)]
          for path, leaf in jax.tree.leaves_with_path(tree)]


def kept(
    folder: str | os.PathLike[str] | None, name: str, run: Mapping[str, Any],
    make: Callable[[], Any],
) -> Any:
  """A part of a run, made once: a run that was killed finds it when it goes on.

  Args:
    folder: where parts are kept; None keeps none, as do several processes.
    name: of the part.
    run: what tells this run from others, for `identity.describe`.
    make: makes the part, of what JSON can hold.

  Returns:
    The part, as JSON has it.

  Raises:
    ValueError: the folder has that of another run.

  Example:
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   [kept(folder, 'draw', {'seed': 0}, lambda i=i: (i, i)) for i in range(2)]
    [[0, 0], [0, 0]]
  """
  if folder is None or jax.process_count() > 1:
    return make()
  path = pathlib.Path(folder) / f'{name}.json'
  if not path.exists():
    path.parent.mkdir(parents=True, exist_ok=True)
    made = {'run': identity.describe(run), 'made': make()}
    with atomic.written(path) as draft:
      draft.write_text(json.dumps(made, indent=1) + '\n', encoding='utf-8')
  stored = json.loads(path.read_text(encoding='utf-8'))
  identity.check(path, f'the {name}', stored['run'], run)
  return stored['made']
