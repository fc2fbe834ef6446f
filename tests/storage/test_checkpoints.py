"""What is saved is what is loaded, and what does not fit is named."""

import os

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsc_jax import data
from unsc_jax import models
from unsc_jax import paths
from unsc_jax.storage import checkpoints


@pytest.fixture(scope='module')
def variables():
  model = models.AllCNN(width=.05)
  shapes = jax.eval_shape(
      model.init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
  rng = np.random.default_rng(0)
  return jax.tree.map(
      lambda s: jnp.asarray(rng.normal(size=s.shape), s.dtype), shapes)


def test_round_trip_is_exact(path, variables):
  checkpoints.save(path, variables)
  like = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), variables)
  chex.assert_trees_all_equal(checkpoints.load(path, like), variables)
  assert os.listdir(path.parent) == [path.name]  # and no temporary name


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
  np.savez(tmp_path / 'bare.npz', **{
      name.partition('/')[2]: leaf for name, leaf in paths.leaf_paths(variables).items()})
  chex.assert_trees_all_equal(
      checkpoints.load(tmp_path / 'bare.npz', variables), variables)


SAVED = {'a': {'w': np.ones((2, 3))}, 'n': np.arange(3, dtype=np.int32)}


@pytest.mark.parametrize(('like', 'message'), [
    ({'b': SAVED['a'], 'n': SAVED['n']},
     r"lacks 'b/w' \(2, 3\) and holds 'params/a/w' \(2, 3\), which the network .* rename the"),
    ({**SAVED, 'a': {'w': np.ones((2, 10))}},
     r"'a/w' with shape \(2, 3\), .* \(2, 10\): .* number of classes"),
    ({**SAVED, 'n': jnp.ones(3)}, "'n' as int32, .* float32")])
def test_what_does_not_fit_is_named(like, message, path):
  checkpoints.save(path, {'params': SAVED})
  with pytest.raises(ValueError, match=f'{path}.* {message}'):
    checkpoints.load(path, {'params': like})


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
  if is_file := path.suffix == '.npz':
    checkpoints.save(path, two)
  else:
    with pytest.raises(FileExistsError, match='remove it or choose'):
      checkpoints.save(path, two)
  chex.assert_trees_all_equal(checkpoints.load(path, one), two if is_file else one)


def test_failed_save_leaves_what_was_there(path, full_disk):
  checkpoints.save(path.with_name('old.npz'), {'w': jnp.ones(3)})
  path.with_name('old.npz').rename(path)  # whatever `path` is, a file now
  before = path.read_bytes()
  full_disk()
  with pytest.raises(OSError, match='No space'):
    checkpoints.save(path, {'w': jnp.zeros(3)})
  assert path.read_bytes() == before
  assert os.listdir(path.parent) == [path.name]


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
