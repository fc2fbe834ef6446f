"""The state of a loop on the disk, so that a killed run goes on where it was.

Written by Orbax, in the background, a digest beside each; what is not complete or was
changed since is not taken for a state. What one number of devices or processes has
stored, any other can read.
"""

from collections.abc import Callable, Generator, Mapping
import contextlib
import dataclasses
import json
import os
import pathlib
import re
from typing import Any
import warnings

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import sharding
from unsc_jax.storage import atomic
from unsc_jax.storage import checkpoints
from unsc_jax.storage import digests
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
) -> Generator[Store]:
  """Opens a folder of states; everything is written when the block ends.

  Args:
    where: None is nowhere.
    run: gives what tells this run from others, for `identity.describe`; not called
      where nothing is kept.

  Yields:
    The store.

  Raises:
    ImportError: Orbax is not installed.
    NotADirectoryError: there is a file in the place of the folder.
    OSError: from `save` or at the end: a state cannot be written.
    ValueError: from `latest`: the folder holds the state of another run.

  Warns:
    From `latest`: the newest state is damaged, so that an older one is taken.

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
  folder = _made(pathlib.Path(where.folder).absolute())
  options = ocp.CheckpointManagerOptions(
      max_to_keep=where.keep, cleanup_tmp_directories=True)
  described = identity.describe(run())
  manager = ocp.CheckpointManager(folder, options=options)
  damaged: dict[int, str] = {}  # step to what is wrong with its state

  def read(step, like):
    restore = lambda **parts: manager.restore(step, args=ocp.args.Composite(**parts))
    with _sound():
      whole = digests.opened(restore(record=ocp.args.JsonRestore())['record'])
    identity.check(
        folder, 'the state', whole['run'], {**described, 'shapes': _shapes(like)})
    wanted = {i: ocp.utils.to_shape_dtype_struct(leaf)
              if sharding.mesh_of(leaf) is not None else np.asarray(leaf)
              for i, leaf in _leaves(like).items()}
    with _sound():
      stored = restore(state=ocp.args.StandardRestore(wanted))['state']
      digests.check(stored, whole['values'])
    return _like(like, stored), whole['record']

  def latest(like):
    for step in sorted(manager.all_steps(), reverse=True):
      try:
        found = read(step, like)
      except digests.Damaged as error:
        damaged[step] = str(error)
      else:
        _warn(folder, damaged, f'the run goes on from step {step}')
        return found
    _warn(folder, damaged, 'no older one is there, so the run begins anew')
    return None

  def save(step, tree, record):
    with _written(folder):
      for broken in damaged:
        manager.delete(broken)
      damaged.clear()
      if step == manager.latest_step():
        return
      leaves = _leaves(tree)
      manager.save(step, args=ocp.args.Composite(
          state=ocp.args.StandardSave(leaves),
          record=ocp.args.JsonSave(digests.closed({
              'run': {**described, 'shapes': _shapes(tree)}, 'record': record,
              'values': identity.fingerprint(leaves)}))))

  try:
    yield Store(latest, save, where.every)
    with _written(folder):
      manager.wait_until_finished()
  finally:
    with contextlib.suppress(Exception):  # what it could not write is told above
      manager.close()


def _made(folder: pathlib.Path) -> pathlib.Path:
  """The folder, which is there from now on."""
  try:
    folder.mkdir(parents=True, exist_ok=True)
  except (FileExistsError, NotADirectoryError):
    raise NotADirectoryError(
        f'{folder} cannot be a folder, since a file is in its place: remove that, or choose '
        'another folder.') from None
  return folder


@contextlib.contextmanager
def _sound() -> Generator[None]:
  """Takes whatever Orbax raises for damage: it has no exception of its own for that."""
  try:
    yield
  except Exception as error:
    raise digests.Damaged(_reason(error)) from error


@contextlib.contextmanager
def _written(folder: pathlib.Path) -> Generator[None]:
  """Says in one sentence that writing failed, in the place of Orbax's hundreds of lines."""
  try:
    yield
  except Exception as error:
    raise OSError(
        f'the state of the run could not be written to {folder} '
        f'({_reason(error)}); make room there or choose another folder, and '
        'start again to go on from the state before.') from None


def _reason(error: Exception) -> str:
  """The first line of what a library says, which may go on for hundreds."""
  first, *_ = str(error).strip().splitlines() or [type(error).__name__]
  return first[:200].rstrip('.')


def _warn(folder: pathlib.Path, damaged: Mapping[int, str], then: str) -> None:
  if damaged:
    steps = ' and '.join(f'{step} ({what})' for step, what in damaged.items())
    warnings.warn(f'{folder} holds a damaged state, of step {steps}; {then}.', stacklevel=2)


def _leaves(tree: Any) -> dict[str, Any]:
  """A pytree's leaves by number: Orbax knows all of that.

  Those without entries, such as the free directions of a layer that is full, it does
  not, and they have nothing to store.
  """
  return {str(i): jax.random.key_data(leaf) if sharding.is_key(leaf) else leaf
          for i, leaf in enumerate(jax.tree.leaves(tree)) if leaf.size}


def _like(tree: Any, leaves: Mapping[str, Any]) -> Any:
  """The pytree that `_leaves` took apart, from stored values."""
  def leaf_like(leaf, stored):
    if sharding.is_key(leaf):
      return jax.random.wrap_key_data(stored, impl=jax.random.key_impl(leaf))
    return jnp.asarray(stored) if isinstance(leaf, jax.Array) else stored

  own, structure = jax.tree.flatten(tree)
  return structure.unflatten(
      leaf_like(leaf, leaves[str(i)]) if leaf.size else leaf
      for i, leaf in enumerate(own))


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

  Warns:
    UserWarning: what is there is damaged, and is made again.

  Example:
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   [kept(folder, 'draw', {'seed': 0}, lambda i=i: (i, i)) for i in range(2)]
    [[0, 0], [0, 0]]
  """
  if folder is None or jax.process_count() > 1:
    return make()
  path = pathlib.Path(folder) / f'{name}.json'
  try:
    if path.exists():
      stored = digests.opened(json.loads(path.read_bytes()))
      identity.check(path, f'the {name}', stored['run'], run)
      return stored['made']
  except (digests.Damaged, UnicodeDecodeError, json.JSONDecodeError) as error:
    warnings.warn(f'{path} is damaged ({error}); it is made again.', stacklevel=2)
  _made(path.parent)
  whole = digests.closed({'run': identity.describe(run), 'made': make()})
  with atomic.written(path) as draft:
    draft.write_text(json.dumps(whole, indent=1) + '\n', encoding='utf-8')
  return whole['made']
