"""What is saved is what is loaded, and what does not fit is named."""

import os

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsc_jax import data
from unsc_jax import models
from unsc_jax.storage import checkpoints


@pytest.fixture(params=['trained.npz', 'trained'], ids=['npz', 'orbax'])
def path(request, tmp_path):
  return tmp_path / 'new' / 'folders' / request.param


@pytest.fixture(scope='module')
def variables():
  model = models.AllCNN(width=.05)
  shapes = jax.eval_shape(
      model.init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
  rng = np.random.default_rng(0)
  return jax.tree.map(
      lambda s: jnp.asarray(rng.normal(size=s.shape), s.dtype), shapes)


def _shapes(tree):
  return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), tree)


def _files(folder):
  return sorted(os.listdir(folder))


def test_round_trip_is_exact(path, variables):
  checkpoints.save(path, variables)
  loaded = checkpoints.load(path, _shapes(variables))
  chex.assert_trees_all_equal(loaded, variables)
  assert _files(path.parent) == [path.name]  # and no temporary name


@pytest.mark.parametrize('stored', [jnp.float16, jnp.bfloat16, jnp.float32])
def test_any_float_becomes_the_dtype_that_is_asked_for(path, stored):
  values = {'params': {'w': jnp.arange(6, dtype=stored).reshape(2, 3) / 8}}
  checkpoints.save(path, values)
  for wanted in (jnp.float32, jnp.bfloat16):
    like = {'params': {'w': jax.ShapeDtypeStruct((2, 3), wanted)}}
    loaded = checkpoints.load(path, like)['params']['w']
    assert loaded.dtype == wanted
    np.testing.assert_array_equal(  # eighths below one are exact everywhere
        np.asarray(loaded, np.float32), np.arange(6).reshape(2, 3) / 8)


def test_file_without_collection_names(tmp_path, variables):
  flat = {}
  for leaf_path, leaf in jax.tree_util.tree_leaves_with_path(variables):
    flat['/'.join(k.key for k in leaf_path[1:])] = np.asarray(leaf)
  np.savez(tmp_path / 'bare.npz', **flat)
  loaded = checkpoints.load(tmp_path / 'bare.npz', variables)
  chex.assert_trees_all_equal(loaded, variables)


def test_missing_and_extra_keys_are_named(path):
  fc = lambda name: {'params': {name: {'kernel': jnp.ones((2, 3))}}}
  checkpoints.save(path, fc('old'))
  with pytest.raises(ValueError, match='rename the keys') as error:
    checkpoints.load(path, fc('new'))
  message = str(error.value)
  assert "lacks 'new/kernel' (2, 3)" in message
  assert "holds 'params/old/kernel' (2, 3), which the network does" in message
  assert str(path) in message


def test_wrong_shape_is_named_with_both(path):
  checkpoints.save(path, {'params': {'fc': {'kernel': jnp.ones((2, 3))}}})
  with pytest.raises(ValueError, match='number of classes') as error:
    checkpoints.load(path, {'params': {'fc': {'kernel': jnp.ones((2, 10))}}})
  assert "'fc/kernel' with shape (2, 3)" in str(error.value)
  assert '(2, 10)' in str(error.value)


def test_integers_are_no_floats(path):
  checkpoints.save(path, {'params': {'w': jnp.arange(3)}})
  with pytest.raises(ValueError, match="'w' as int32, .* float32"):
    checkpoints.load(path, {'params': {'w': jnp.ones(3)}})


def test_nothing_there(path, tmp_path):
  with pytest.raises(FileNotFoundError, match='no checkpoint at'):
    checkpoints.load(path, {'w': jnp.ones(2)})
  with pytest.raises(FileNotFoundError, match='no Orbax checkpoint in'):
    checkpoints.load(tmp_path, {'w': jnp.ones(2)})


@pytest.mark.parametrize('content', [
    b'', b'no archive at all', b'PK\x03\x04 cut short', 'pickle', 'npy'])
def test_other_files_are_refused(tmp_path, content):
  path = tmp_path / 'wrong.npz'
  if content == 'pickle':
    np.savez(path, w=np.array([{}], dtype=object))
  elif content == 'npy':
    with path.open('wb') as f:
      np.save(f, np.ones(2))
  else:
    path.write_bytes(content)
  with pytest.raises(ValueError, match='is not a .npz file of plain arrays'):
    checkpoints.load(path, {'w': jnp.ones(2)})


def test_file_is_replaced_and_folder_is_not(path):
  one, two = ({'params': {'w': jnp.full(3, i)}} for i in (1., 2.))
  checkpoints.save(path, one)
  if path.suffix == '.npz':
    checkpoints.save(path, two)
    expected = two
  else:
    with pytest.raises(FileExistsError, match='remove it or choose'):
      checkpoints.save(path, two)
    expected = one
  loaded = checkpoints.load(path, one)
  chex.assert_trees_all_equal(loaded, expected)


def test_failed_save_leaves_what_was_there(path, monkeypatch):
  checkpoints.save(path.with_name('old.npz'), {'w': jnp.ones(3)})
  path.with_name('old.npz').rename(path)  # whatever `path` is, a file now

  def full_disk(*_):
    raise OSError('No space left on device')

  before = path.read_bytes()
  monkeypatch.setattr(os, 'replace', full_disk)  # the last step before the end
  with pytest.raises(OSError, match='No space'):
    checkpoints.save(path, {'w': jnp.zeros(3)})
  assert path.read_bytes() == before
  assert _files(path.parent) == [path.name]


@pytest.mark.slow
@pytest.mark.real_data
def test_published_alexnet_reaches_its_accuracies(real_data_dir, shared_dir):
  test = data.load('fashion_mnist', real_data_dir).test
  model = models.AlexNet()
  variables = checkpoints.load(
      shared_dir / 'checkpoints' / 'fmnist_alexnet_original.npz',
      jax.eval_shape(model.init, jax.random.key(0), test.x[:1]))
  predict = jax.jit(lambda x: jnp.argmax(model.apply(variables, x), axis=-1))
  guess = np.concatenate(
      [predict(test.x[i:i + 500]) for i in range(0, len(test), 500)])
  accuracy = [np.mean(guess[test.y == c] == c) for c in range(10)]
  stated = [.844, .977, .864, .907, .823, .979, .731, .975, .980, .950]
  np.testing.assert_allclose(accuracy, stated, atol=.002)
