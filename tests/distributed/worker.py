"""One process of several, or the only one: both compute the same.

  python -m tests.distributed.worker FOLDER, with the environment of `unsc_jax.command.running`
"""

import contextlib
import itertools
import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax

from tests import toys
from unsc_jax import batching
from unsc_jax import moments as moments_lib
from unsc_jax import null_space
from unsc_jax import problem
from unsc_jax import session as session_lib
from unsc_jax import sharding
from unsc_jax import storage
from unsc_jax import training
from unsc_jax.command import running
from unsc_jax.methods.unsir import error_maximising
from unsc_jax.parts import targets
from unsc_jax.storage import moments as stored

STEPS, BATCH, STOP = 8, 16, 5
_rng = np.random.default_rng(0)
PARAMS = {
    'conv': _rng.normal(size=(3, 3, 2, 8)).astype(np.float32) / 4,
    'dense': _rng.normal(size=(128, 4)).astype(np.float32) / 11}
X = _rng.normal(size=(80, 4, 4, 2)).astype(np.float32)
Y = _rng.integers(0, 4, 80).astype(np.int32)


def fn(params, x):
  h = toys.convolve(x, params['conv'])
  return jnp.tanh(h).reshape(len(x), -1) @ params['dense']


class Counted:
  """An array on the disk, as it were, that counts the rows read of it."""

  def __init__(self, array):
    self.array, self.read = array, 0
    self.shape, self.dtype = array.shape, array.dtype

  def __len__(self):
    return len(self.array)

  def __getitem__(self, index):
    rows = self.array[index]
    self.read += len(rows)
    return rows


class Interrupted(Exception):
  """What ends a run before its time."""


def train(mesh, params, bases, checkpoint=None, stop=STEPS, x=X):
  """Projected steps; interrupted before step `stop`."""
  def batches():
    stream = batching.stream(problem.Examples(x, Y), BATCH, seed=3)
    yield from itertools.islice(stream, stop)
    raise Interrupted

  optimizer = null_space.project_updates(optax.sgd(.3, momentum=.9), bases)
  return training.fit(
      training.classify(fn), optimizer, params, batches(), steps=STEPS,
      key=jax.random.key(0), session=session_lib.Session(mesh, checkpoint=checkpoint)).params


def passes(mesh, params):
  """What methods find in passes of their own, forgetting the last class."""
  # So often that there are batches which every device has a part of.
  many = problem.Examples(*(np.concatenate([leaf] * 32) for leaf in (X, Y)))
  retain, forget = problem.split_classes(many, [3])
  request = problem.Problem(
      problem.Network(fn), params, retain, forget, 4, (3,),
      session=session_lib.Session(mesh))
  key = jax.random.key(1)
  return {
      'boundary labels': targets.boundary_labels(.5)(request, key),
      'noise': error_maximising(request, np.full(6, 3), key, 5, .1)}


def compute(mesh):
  """Moments, bases, logits, passes, and weights trained with and without shards."""
  params = jax.tree.map(jnp.asarray, PARAMS)
  batches = (sharding.shard_batch(x, mesh) for x in batching.in_order(X, 32))
  moments = moments_lib.accumulate(moments_lib.input_moments(fn), params, batches)
  bases = null_space.null_space_bases(moments, .9)
  gains = null_space.soft()(moments)
  split = params if mesh is None else sharding.shard_params(params, mesh, smallest=1)
  whole = lambda tree: tree if mesh is None else sharding.replicate(tree, mesh)
  return bases, {
      'moments': {path: m.second for path, (m,) in moments.by_path.items()},
      'bases': {path: whole(b.vectors) for path, (b,) in bases.by_path.items()},
      'gains': {path: whole(gain.matrix) for path, (gain,) in gains.by_path.items()},
      'logits': training.predict(fn, params, X, batch_size=24,
                                 session=session_lib.Session(mesh)),
      **passes(mesh, whole(params)),
      'trained': train(mesh, params, bases),
      'trained in shards': whole(train(mesh, split, bases))}


def main(folder: pathlib.Path):
  running.start(True)
  mesh = running.mesh()
  bases, found = compute(mesh)
  stored.save(folder / 'bases', bases)
  params = sharding.shard_params(PARAMS, mesh, smallest=1)
  x = Counted(X)
  with contextlib.suppress(Interrupted):
    train(mesh, params, bases, storage.Checkpoint(folder / 'state', every=2), STOP, x)
  (folder / f'read-{jax.process_index()}').write_text(str(x.read))
  if running.is_first():
    np.savez(folder / 'found.npz', **{
        jax.tree_util.keystr(path, simple=True, separator='.'): leaf
        for path, leaf in jax.tree.leaves_with_path(found)})
  print('the first process speaks')


if __name__ == '__main__':
  main(pathlib.Path(sys.argv[1]))
