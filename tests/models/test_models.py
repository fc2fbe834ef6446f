"""Sizes, layer by layer, against the published networks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsc_jax import models

GREY, COLOUR = (32, 32, 1), (32, 32, 3)


@functools.cache
def _shapes(model, image):
  x = jax.ShapeDtypeStruct((1, *image), jnp.float32)
  return jax.eval_shape(model.init, jax.random.key(0), x)


def _variables(model, image):
  """Kernels that keep the size of what they read, and ones: NumPy's, nothing compiled."""
  draw = np.random.default_rng(0).normal
  return jax.tree.map(
      lambda leaf: np.float32(draw(size=leaf.shape) / np.prod(leaf.shape[:-1])**.5)
      if len(leaf.shape) > 1 else np.ones(leaf.shape, np.float32), _shapes(model, image))


@functools.cache
def _maps(model, image):
  """Every module's output, by layer."""
  x = jax.ShapeDtypeStruct((1, *image), jnp.float32)
  _, captured = jax.eval_shape(
      lambda v, x: model.apply(
          v, x, mutable=['intermediates'], capture_intermediates=True),
      _shapes(model, image), x)
  return captured['intermediates']


def _fan_ins(params):
  """Contracted size of each kernel, by layer."""
  return {
      '/'.join(k.key for k in path[:-1]): int(np.prod(leaf.shape[:-1]))
      for path, leaf in jax.tree_util.tree_leaves_with_path(params)
      if path[-1].key == 'kernel'}


@pytest.mark.parametrize(('model', 'image', 'count'), [
    (models.AlexNet(10), GREY, 6_526_848),
    (models.AllCNN(10, width=.5), COLOUR, 406_810),
    (models.VGG11(10), COLOUR, 28_149_514),
    (models.ResNet18(100), COLOUR, 11_220_132),
    (models.ResNet50(), (224, 224, 3), 25_557_032),
    (models.ViT(), (224, 224, 3), 304_326_632),
])
def test_parameter_count_is_the_published_one(model, image, count):
  params = _shapes(model, image)['params']
  assert sum(leaf.size for leaf in jax.tree.leaves(params)) == count


@pytest.mark.parametrize(('model', 'image', 'fan_ins', 'sides'), [
    (models.AlexNet(), GREY, [16, 576, 512, 1024, 2048, 2048], [29, 12, 5]),
    (models.AllCNN(), COLOUR, [27, 432, 432, 864, 864, 864, 864, 96, 96],
     [32, 32, 16, 16, 16, 8, 8, 8]),
    (models.VGG11(), COLOUR,
     [27, 576, 1152, 2304, 2304, 4608, 4608, 4608, 512, 4096, 4096],
     [32, 16, 8, 8, 4, 4, 2, 2]),
])
def test_fan_in_and_map_of_every_layer(model, image, fan_ins, sides):
  params = _shapes(model, image)['params']
  assert [d for _, d in sorted(_fan_ins(params).items())] == fan_ins
  maps = _maps(model, image)
  got = [maps[name]['__call__'][0].shape[1:3]
         for name in sorted(maps) if name.startswith('conv')]
  assert got == [(s, s) for s in sides]


def test_map_after_every_resnet_stage():
  maps = _maps(models.ResNet18(), COLOUR)
  got = {name: maps[name]['__call__'][0].shape[1:] for name in maps
         if name.startswith('stage')}
  assert got == {
      f'stage{s}_block{b}': (side, side, features) for b in (1, 2)
      for s, side, features in ((1, 32, 64), (2, 16, 128), (3, 8, 256),
                                (4, 4, 512))}
  assert {name for name in maps if 'shortcut' in maps[name]} == {
      f'stage{s}_block1' for s in (2, 3, 4)}


def test_fan_in_of_every_resnet_layer():
  got = sorted(_fan_ins(_shapes(models.ResNet18(), COLOUR)['params']).values())
  stage = lambda c, last: [9 * last, 9 * c, 9 * c, 9 * c, last]
  expected = [27, *[576] * 4, *stage(128, 64), *stage(256, 128),
              *stage(512, 256), 512]
  assert got == sorted(expected)


def test_names_are_those_of_published_checkpoints():
  variables = _shapes(models.AlexNet(), GREY)
  layers = [f'{kind}{i}' for kind, n in (('bn', 5), ('conv', 3), ('fc', 3))
            for i in range(1, n + 1)]
  assert sorted(variables['params']) == layers
  assert sorted(variables['batch_stats']) == layers[:5]
  assert all(set(variables['params'][f'fc{i}']) == {'kernel'}
             for i in (1, 2, 3))


@pytest.mark.parametrize(('model', 'image'), [
    (models.AlexNet(7), (19, 19, 1)),
    (models.AllCNN(7, width=.05), (8, 8, 3)),
    (models.ResNet18(7), (8, 8, 3)),
    (models.VGG11(7), COLOUR),
    (models.SmallCNN(7), (8, 8, 1)),
    (models.SmallCNN(7), COLOUR),
    (models.MLP(7), (28, 28, 1)),
])
def test_logits_in_both_modes(model, image):
  variables = _shapes(model, image)
  x = jax.ShapeDtypeStruct((5, *image), jnp.float32)
  logits = jax.eval_shape(model.apply, variables, x)
  assert (logits.shape, logits.dtype) == ((5, 7), jnp.float32)
  train = lambda v, x, key: model.apply(
      v, x, train=True, mutable=['batch_stats'], rngs={'dropout': key})
  logits, updated = jax.eval_shape(train, variables, x, jax.random.key(0))
  assert logits.shape == (5, 7)
  assert jax.tree.map(jnp.shape, updated.get('batch_stats', {})) == (
      jax.tree.map(jnp.shape, variables.get('batch_stats', {})))


def test_evaluation_treats_each_image_alone_and_training_does_not():
  model = models.AllCNN(width=.05)
  x = np.random.default_rng(0).normal(size=(6, 8, 8, 3)).astype('float32')
  variables = _variables(model, x.shape[1:])
  alone, together = (jax.jit(model.apply)(variables, a) for a in (x[:3], x))
  np.testing.assert_allclose(alone, together[:3], rtol=1e-4, atol=1e-5)
  train = jax.jit(lambda v, x: model.apply(
      v, x, train=True, mutable=['batch_stats'])[0])
  assert np.max(np.abs(train(variables, x[:3]) - train(variables, x)[:3])) > .1


def test_alexnet_drops_only_in_training():
  model = models.AlexNet()
  x = np.random.default_rng(0).normal(size=(4, 19, 19, 1)).astype('float32')
  variables = _variables(model, x.shape[1:])
  train = jax.jit(lambda variables, key: model.apply(
      variables, x, train=True, mutable=['batch_stats'],
      rngs={'dropout': key})[0])
  first, again, other = (train(variables, jax.random.key(i)) for i in (0, 0, 1))
  np.testing.assert_array_equal(first, again)
  assert np.max(np.abs(first - other)) > .1


@pytest.mark.parametrize(('model', 'side'), [
    (models.AlexNet(), 19), (models.VGG11(), 32), (models.SmallCNN(), 4)])
def test_smallest_image_fits_and_the_next_smaller_is_refused(model, side):
  _shapes(model, (side, side, 1))
  with pytest.raises(ValueError, match=f'at least {side}x{side} pixels'):
    _shapes(model, (side - 1, side, 1))
