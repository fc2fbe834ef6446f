"""Trained variables on the disk: NumPy's .npz or an Orbax folder.

Variables are a pytree of arrays, for Flax linen
`{'params': ..., 'batch_stats': ...}`. A leaf's key is its path,
'params/conv1/kernel'; files without the collection's name ('conv1/kernel') are
read as well.
"""

from collections.abc import Mapping
import functools
import json
import os
import pathlib
from typing import Any
import zipfile
import zlib

import jax
from jax.experimental import multihost_utils
import jax.numpy as jnp
import numpy as np

from unsc_jax import sharding
from unsc_jax.storage import atomic
from unsc_jax.storage import digests
from unsc_jax.storage import identity

_ABOUT = 'unsc_jax.json'  # in a folder: its digest, and what Orbax does not store


def save(path: str | os.PathLike[str], variables: Any) -> None:
  """Writes variables; a path that ends in .npz is a file, any other a folder.

  `path` never holds half a checkpoint: see `atomic.written`. A file is replaced, a
  folder is not. Of several processes all call this alike; arrays that are split over
  them need a folder.

  Args:
    path: Where to write. Missing parent folders are made.
    variables: Pytree of arrays. In a .npz, bfloat16 is stored as float32; random keys
      are stored as their numbers.

  Raises:
    FileExistsError: `path` is a folder already.
    ImportError: A folder is asked for and Orbax is not installed.
  """
  path = pathlib.Path(path).absolute()
  path.parent.mkdir(parents=True, exist_ok=True)
  new = functools.partial(atomic.written, path, replace=False)
  variables = jax.tree.map(
      lambda leaf: jax.random.key_data(leaf) if sharding.is_key(leaf) else leaf, variables)
  if path.suffix == '.npz':
    flat = {
        key: leaf.astype(np.float32) if leaf.dtype == jnp.bfloat16 else leaf
        for key, leaf in _flatten(jax.device_get(variables)).items()}
    with new(here=jax.process_index() == 0) as draft:
      np.savez(draft, **flat)
    multihost_utils.sync_global_devices(f'saved {path}')
  else:
    alone = jax.process_count() == 1
    with new(here=alone) as draft, orbax().PyTreeCheckpointer() as writer:
      # Processes must agree on a temporary name, so they take Orbax's own.
      where = draft if alone else path
      writer.save(where, jax.tree.map(_shared, variables))
      about = _about(variables)
      if jax.process_index() == 0:
        (where / _ABOUT).write_text(json.dumps(about, indent=1) + '\n')


def load(path: str | os.PathLike[str], like: Any) -> Any:
  """Reads variables into the structure and the dtypes of `like`.

  Args:
    path: A .npz file or an Orbax folder.
    like: Pytree of arrays or `jax.ShapeDtypeStruct`, such as
      `jax.eval_shape(model.init, key, x)` returns.

  Returns:
    A pytree with the structure, shapes and dtypes of `like`.

  Raises:
    FileNotFoundError: There is no checkpoint at `path`.
    ValueError: It is damaged, or a key is missing or left over, or has another
      shape or kind of dtype than in `like`.

  Example:
    >>> variables = {'params': {'fc': {'kernel': jnp.ones((3, 2))}}}
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   save(f'{folder}/trained.npz', variables)
    ...   loaded = load(f'{folder}/trained.npz', like=variables)
    >>> loaded['params']['fc']['kernel'].shape
    (3, 2)
  """
  path, stored = pathlib.Path(path).absolute(), read(path)
  wanted = _flatten(like)
  names = {key: key if key in stored else _bare(key) for key in wanted}
  _check_keys(path, stored, wanted, names)
  leaves = [_fit(path, key, stored[names[key]], leaf)
            for key, leaf in wanted.items()]
  return jax.tree.unflatten(jax.tree.structure(like), leaves)


def read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
  """Reads whatever was saved: `'params/conv1/kernel'` to array.

  Raises:
    FileNotFoundError: There is no checkpoint at `path`.
  """
  path = pathlib.Path(path).absolute()
  if path.is_dir():
    return _read_orbax(path)
  if path.exists():
    return _read_npz(path)
  raise FileNotFoundError(
      f'There is no checkpoint at {path}: give a .npz file or an Orbax folder.')


def _about(variables: Any) -> dict[str, Any]:
  """A fingerprint of all, and shapes and dtypes of arrays without entries."""
  flat = {key: np.asarray(leaf) if np.isscalar(leaf) else leaf
          for key, leaf in _flatten(variables).items()}
  return {'fingerprint': identity.fingerprint(flat),
          'empty': {key: [leaf.shape, str(leaf.dtype)]
                    for key, leaf in flat.items() if not leaf.size}}


def _shared(leaf: Any) -> Any:
  """What is this process's own is on the host: Orbax takes it for everyone's.

  Arrays without entries, such as bases of a layer that is full, it does not take.
  """
  if not np.size(leaf):
    return None
  own = isinstance(leaf, jax.Array) and leaf.is_fully_addressable
  return np.asarray(leaf) if own and jax.process_count() > 1 else leaf


def _flatten(tree: Any) -> dict[str, Any]:
  return {jax.tree_util.keystr(path, simple=True, separator='/'): leaf
          for path, leaf in jax.tree.leaves_with_path(tree)}


def _bare(key: str) -> str:
  """The key without the name of its collection."""
  return key.removeprefix('params/').removeprefix('batch_stats/')


def _check_keys(path: pathlib.Path, stored: Mapping[str, np.ndarray],
                wanted: Mapping[str, Any], names: Mapping[str, str]) -> None:
  missing = [k for k in wanted if names[k] not in stored]
  extra = sorted(set(stored) - set(names.values()))
  others = lambda keys: f' (and {len(keys) - 1} more)' if len(keys) > 1 else ''
  complaints = [
      *(f'lacks {_bare(key)!r} {tuple(wanted[key].shape)}{others(missing)}'
        for key in missing[:1]),
      *(f'holds {key!r} {stored[key].shape}, which the network does not have'
        f'{others(extra)}' for key in extra[:1])]
  if complaints:
    raise ValueError(
        f'{path} {" and ".join(complaints)}: build the network that was saved, '
        'or rename the keys.')


def _fit(path: pathlib.Path, key: str, value: np.ndarray,
         like: Any) -> jax.Array:
  """The value as an array of the shape and dtype of `like`."""
  if jnp.issubdtype(like.dtype, jax.dtypes.prng_key):
    return _key(path, key, value, like)
  if value.shape != tuple(like.shape):
    raise ValueError(
        f'{path} holds {_bare(key)!r} with shape {value.shape}, but the network '
        f'has {tuple(like.shape)}: build it with the number of classes, the '
        'width and the image size that it was trained with.')
  kinds = (jnp.floating, jnp.integer, jnp.bool_)
  if not any(jnp.issubdtype(value.dtype, kind)
             and jnp.issubdtype(like.dtype, kind) for kind in kinds):
    raise ValueError(
        f'{path} holds {_bare(key)!r} as {value.dtype}, but the network has '
        f'{like.dtype}: convert it before saving.')
  return jnp.asarray(value, dtype=like.dtype)


def _key(path: pathlib.Path, name: str, value: np.ndarray, like: Any) -> jax.Array:
  """The random keys that numbers stand for, of the kind of `like`."""
  kind = jax.eval_shape(jax.random.key_data, like)
  if (value.shape, value.dtype) != (kind.shape, kind.dtype):
    raise ValueError(
        f'{path} holds {name!r} with shape {value.shape}, but a random key of the network '
        f'has {kind.shape}: build the network that was saved.')
  return jax.random.wrap_key_data(
      jnp.asarray(value), impl=jax.random.key_impl(like))


def _read_npz(path: pathlib.Path) -> dict[str, np.ndarray]:
  try:
    with np.load(path) as file:
      return dict(file)
  except (AttributeError, EOFError, TypeError, ValueError,
          zipfile.BadZipFile, zlib.error) as e:
    raise digests.Damaged(
        f'{path} is not a .npz file of plain arrays: write one with '
        'numpy.savez or unsc_jax.storage.checkpoints.save.') from e


def orbax() -> Any:
  try:
    import orbax.checkpoint as ocp
  except ImportError as e:
    raise ImportError(
        'Folders are written and read by Orbax, which is not installed: '
        "pip install 'unsc_jax[experiments]', or use a .npz file.") from e
  return ocp


def _read_orbax(path: pathlib.Path) -> dict[str, np.ndarray]:
  ocp = orbax()
  if not (path / '_METADATA').exists():
    raise FileNotFoundError(
        f'There is no Orbax checkpoint in {path}: name the folder that holds '
        "_METADATA, for a CheckpointManager's STEP the folder STEP/default.")
  with ocp.PyTreeCheckpointer() as reader:
    tree = reader.metadata(path).item_metadata.tree
    as_numpy = jax.tree.map(
        lambda _: ocp.RestoreArgs(restore_type=np.ndarray), tree)
    found = _flatten(reader.restore(path, restore_args=as_numpy))
  if not (path / _ABOUT).exists():  # written by others
    return found
  about = json.loads((path / _ABOUT).read_bytes())
  found |= {key: np.zeros(shape, jnp.dtype(dtype))
            for key, (shape, dtype) in about['empty'].items()}
  if identity.fingerprint(found) != about['fingerprint']:
    raise digests.Damaged(
        f'{path} is damaged: its values are not those that were saved; take another copy.')
  return found
