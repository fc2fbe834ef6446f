"""BatchNorm's statistics are those of what it sees in evaluation."""

import functools

import chex
from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsc_jax import data
from unsc_jax import models
from unsc_jax import session as session_lib
from unsc_jax.models import linen
from unsc_jax.storage import checkpoints


class _DropsBeforeItPools(nn.Module):
  """The AlexNet's order, small: conv, BN, relu, dropout, max-pool, conv, BN."""
  dropout: float = .5

  @nn.compact
  def __call__(self, x, train: bool = False):
    for i in (1, 2):
      x = nn.Conv(8, (3, 3), name=f'conv{i}')(x)
      x = nn.BatchNorm(use_running_average=not train, momentum=.9,
                       name=f'bn{i}')(x)
      x = nn.Dropout(self.dropout, deterministic=not train)(nn.relu(x))
      x = nn.max_pool(x, (2, 2), strides=(2, 2))
    return nn.Dense(4)(x.mean((1, 2)))


MODEL = _DropsBeforeItPools()


def _data(n):
  return np.random.default_rng(0).normal(1., 2., (n, 8, 8, 3)).astype('float32')


def _fresh(n):
  """A network that drops before it pools, so many inputs, and its variables."""
  return MODEL, _data(n), _variables()


@functools.cache
def _variables():
  return jax.jit(MODEL.init)(jax.random.key(0), _data(2))


def _trained(model, variables, batches, seed):
  """Running averages as a training loop gathers them, dropout on."""
  @jax.jit
  def step(variables, x, key):
    _, new = model.apply(variables, x, train=True, mutable=['batch_stats'],
                         rngs={'dropout': key})
    return {**variables, **new}

  for x, key in zip(batches, jax.random.split(jax.random.key(seed), len(batches))):
    variables = jax.block_until_ready(step(variables, x, key))
  return variables


def _errors(model, variables, x):
  """Errors of every bn's mean (in standard deviations) and variance, [2].

  Each follows a convolution directly, whose captured output is its input.
  """
  @jax.jit
  def outputs(variables):
    return model.apply(
        variables, x, train=False, mutable=['intermediates'],
        capture_intermediates=lambda m, _: isinstance(m, nn.Conv))[1]

  errors = {}
  for conv, value in outputs(variables)['intermediates'].items():
    seen = np.asarray(value['__call__'][0], np.float64)
    seen = seen.reshape(-1, seen.shape[-1])
    bn = conv.replace('conv', 'bn')
    kept = variables['batch_stats'][bn]
    errors[bn] = (np.max(np.abs(kept['mean'] - seen.mean(0)) / seen.std(0)),
                  np.max(np.abs(kept['var'] / seen.var(0) - 1)))
  return errors


def test_dropout_spoils_training_statistics_and_reestimation_mends_them():
  model, x, variables = _fresh(96)
  trained = _trained(model, variables, [x] * 100, 1)  # momentum .9 has long forgotten
  errors = _errors(model, trained, x)
  assert max(errors['bn1']) < 1e-2  # nothing drops before it
  assert min(errors['bn2']) > .2

  mended = linen.reestimate(model, trained, x, batch_size=len(x))
  errors = _errors(model, mended, x)
  assert max(errors['bn1'] + errors['bn2']) < 1e-5


@pytest.mark.slow
@pytest.mark.real_data
def test_the_trap_on_the_published_alexnet(real_data_dir, shared_dir):
  dataset = data.load('fashion_mnist', real_data_dir)
  train, test = dataset.train.x, dataset.test
  model = models.AlexNet()
  published = checkpoints.load(
      shared_dir / 'checkpoints' / 'fmnist_alexnet_original.npz',
      jax.eval_shape(model.init, jax.random.key(0), train[:1]))
  predict = jax.jit(lambda v, x: jnp.argmax(model.apply(v, x), axis=-1))

  def accuracy(variables):
    guess = [predict(variables, test.x[i:i + 500])
             for i in range(0, len(test), 500)]
    return np.mean(np.concatenate(guess) == test.y)

  trained = _trained(model, published, np.split(train[:10_000], 50), 0)
  assert accuracy(trained) < .82
  mended = linen.reestimate(model, trained, train[:10_000])
  assert abs(accuracy(mended) - accuracy(published)) < .003


def test_batches_of_any_size_give_the_first_layer_exactly():
  model, x, variables = _fresh(90)
  for batch_size in (7, 32, 1000):
    new = linen.reestimate(model, variables, x, batch_size)
    errors = _errors(model, new, x)
    assert max(errors['bn1']) < 1e-5
  assert max(errors['bn2']) < 1e-5  # one batch of all 90


def test_sorted_inputs_are_mixed():
  """Batches of one class each would be normalised unlike any that the network is for."""
  model, x, variables = _fresh(90)
  x[45:] += 3
  whole = linen.reestimate(model, variables, x, 90)
  mixed = linen.reestimate(model, variables, x, 45)
  for name, exact in whole['batch_stats']['bn2'].items():
    np.testing.assert_allclose(mixed['batch_stats']['bn2'][name], exact, rtol=.1, atol=.1)
  few = linen.reestimate(model, variables, x, 45, most=40)
  np.testing.assert_allclose(
      few['batch_stats']['bn1']['mean'], whole['batch_stats']['bn1']['mean'], atol=.5)


def test_old_statistics_and_training_randomness_do_not_matter():
  model, x, variables = _fresh(16)
  other = {**variables, 'batch_stats': jax.tree.map(
      lambda a: a + 5, variables['batch_stats'])}
  new = linen.reestimate(model, variables, x, 8)
  same = linen.reestimate(model, other, x, 8)
  chex.assert_trees_all_equal(new, same)
  chex.assert_trees_all_equal_structs(new, variables)
  np.testing.assert_array_equal(other['batch_stats']['bn1']['mean'], 5)


def test_nested_and_channel_first_norms():
  class Block(nn.Module):

    @nn.compact
    def __call__(self, x, train):
      return nn.BatchNorm(use_running_average=None, axis=1)(
          x, use_running_average=not train)

  class Net(nn.Module):

    @nn.compact
    def __call__(self, x, train: bool = False):
      return nn.remat(Block, static_argnums=(2,))(name='block')(x, train)

  x = _data(12)
  new = linen.reestimate(
      Net(), jax.jit(Net().init)(jax.random.key(0), x), x, batch_size=5)
  kept = new['batch_stats']['block']['BatchNorm_0']
  x64 = x.astype(np.float64)
  np.testing.assert_allclose(kept['mean'], x64.mean((0, 2, 3)), rtol=1e-5)
  np.testing.assert_allclose(kept['var'], x64.var((0, 2, 3)), rtol=1e-5)


def test_every_batch_norm_of_a_deep_network():
  model = models.AllCNN(width=.05)
  x = np.random.default_rng(0).normal(size=(16, 16, 16, 3)).astype('float32')
  new = linen.reestimate(
      model, jax.jit(model.init)(jax.random.key(0), x), x, batch_size=16)
  errors = _errors(model, new, x)
  assert sorted(errors) == [f'bn{i}' for i in range(1, 9)]
  assert max(max(e) for e in errors.values()) < 1e-4


def test_network_without_batch_norm_is_left_alone():
  model, x = models.MLP(), _data(4)
  variables = jax.jit(model.init)(jax.random.key(0), x)
  assert linen.reestimate(model, variables, x) is variables


def test_progress_sees_every_batch():
  seen = []

  def progress(steps, label, total):
    seen.extend([list(steps), label, total])
    return steps

  model, x, variables = _fresh(10)
  linen.reestimate(
      model, variables, x, 4, session_lib.Session(progress=progress))
  assert seen == [[0, 4, 8], 'BatchNorm statistics', 3]


def test_bad_input_is_refused():
  model, x, variables = _fresh(4)
  with pytest.raises(ValueError, match='0 inputs in batches of 500'):
    linen.reestimate(model, variables, x[:0])

  class Counter(nn.Module):

    @nn.compact
    def __call__(self, x, train: bool = False):
      self.variable('batch_stats', 'mean', jnp.zeros, (3,))
      return x

  counter = Counter(name=None)
  with pytest.raises(ValueError, match='belong to no flax.linen.BatchNorm'):
    linen.reestimate(counter, counter.init(jax.random.key(0), x), x)
