"""Models as people have them, small: how much is captured, and whether it holds."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
from flax import linen as nn
from flax import nnx
import jax
from jax import lax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.capture import case as case_lib
from tests.capture import frameworks
from tests.capture import runs
import unsc_jax


class Block(nn.Module):
  """A transformer block."""
  width: int
  causal: bool = False

  @nn.compact
  def __call__(self, x, _=None):
    mask = nn.make_causal_mask(x[..., 0]) if self.causal else None
    h = nn.LayerNorm()(x)
    x = x + nn.MultiHeadDotProductAttention(num_heads=2)(h, mask=mask)
    h = nn.gelu(nn.Dense(2 * self.width)(nn.LayerNorm()(x)))
    return x + nn.Dense(self.width)(h), None


class ViT(nn.Module):
  """Patches, a class token, scanned and rematerialised blocks, a head."""
  width: int = 64
  depth: int = 3

  @nn.compact
  def __call__(self, x):
    x = nn.Conv(self.width, (4, 4), strides=4)(x)
    x = x.reshape(len(x), -1, self.width)
    token = self.param('token', nn.initializers.normal(), (1, 1, self.width))
    x = jnp.concatenate([jnp.broadcast_to(token, (len(x), 1, self.width)), x], 1)
    x = x + self.param('positions', nn.initializers.normal(), x.shape[1:])[None]
    blocks = nn.scan(nn.remat(Block, prevent_cse=False), length=self.depth,
                     variable_axes={'params': 0}, split_rngs={'params': True})
    x, _ = blocks(self.width)(x, None)
    return nn.Dense(7)(nn.LayerNorm()(x)[:, 0])


class GPT(nn.Module):
  """Decoder only; the table of tokens is also the head."""
  width: int = 48

  @nn.compact
  def __call__(self, ids):
    table = nn.Embed(60, self.width)
    x = table(ids) + nn.Embed(8, self.width)(jnp.arange(ids.shape[1]))[None]
    for _ in range(2):
      x, _ = nn.remat(Block)(self.width, causal=True)(x)
    return table.attend(nn.LayerNorm()(x))


class ResNet(nn.Module):
  """Two stages of residual blocks with BatchNorm."""

  @nn.compact
  def __call__(self, x, train=False):
    norm = lambda: nn.BatchNorm(use_running_average=not train)
    conv = lambda features, stride=1: nn.Conv(
        features, (3, 3), strides=stride, use_bias=False)
    x = nn.relu(norm()(conv(16)(x)))
    for features, stride in ((16, 1), (24, 2)):
      h = nn.relu(norm()(conv(features, stride)(x)))
      h = norm()(conv(features)(h))
      if h.shape != x.shape:
        x = norm()(nn.Conv(features, (1, 1), strides=stride, use_bias=False)(x))
      x = nn.relu(x + h)
    return nn.Dense(5)(x.mean((1, 2)))


class Mixer(nn.Module):
  """Products along positions and along channels in turn."""

  @nn.compact
  def __call__(self, x):
    x = nn.Conv(48, (4, 4), strides=4)(x).reshape(len(x), -1, 48)
    for _ in range(2):
      h = nn.LayerNorm()(x).swapaxes(1, 2)
      h = nn.Dense(x.shape[1])(nn.gelu(nn.Dense(24)(h)))
      x = x + h.swapaxes(1, 2)
      x = x + nn.Dense(48)(nn.gelu(nn.Dense(64)(nn.LayerNorm()(x))))
    return nn.Dense(5)(x.mean(1))


class ConvNeXt(nn.Module):
  """Depthwise convolutions, inverted bottlenecks, layer scale."""

  @nn.compact
  def __call__(self, x):
    x = nn.LayerNorm()(nn.Conv(32, (2, 2), strides=2)(x))
    for _ in range(2):
      h = nn.Conv(32, (5, 5), feature_group_count=32)(x)
      h = nn.Dense(32)(nn.gelu(nn.Dense(64)(nn.LayerNorm()(h))))
      x = x + h * self.param(
          f'scale{_}', nn.initializers.constant(.1), (32,))[None, None, None]
    return nn.Dense(5)(nn.LayerNorm()(x.mean((1, 2))))


class DenseNet(nn.Module):
  """Every layer sees all that came before it."""

  @nn.compact
  def __call__(self, x):
    for _ in range(3):
      h = nn.relu(nn.BatchNorm(use_running_average=True)(x))
      x = jnp.concatenate([x, nn.Conv(8, (3, 3), use_bias=False)(h)], -1)
    x = nn.avg_pool(x, (2, 2), (2, 2))
    return nn.Dense(5)(x.reshape(len(x), -1))


class NNXBlock(nnx.Module):
  """A transformer block."""

  def __init__(self, width: int, rngs: nnx.Rngs):
    self.norm1, self.norm2 = (nnx.LayerNorm(width, rngs=rngs) for _ in range(2))
    self.attention = nnx.MultiHeadAttention(2, width, decode=False, rngs=rngs)
    self.up = nnx.Linear(width, 2 * width, rngs=rngs)
    self.down = nnx.Linear(2 * width, width, rngs=rngs)

  def __call__(self, x):
    mask = nnx.make_causal_mask(x[..., 0])
    x = x + self.attention(self.norm1(x), mask=mask)
    return x + self.down(nnx.gelu(self.up(self.norm2(x))))


class NNXGPT(nnx.Module):
  """Decoder only, tied."""

  def __init__(self, rngs: nnx.Rngs, width: int = 48):
    self.table = nnx.Embed(60, width, rngs=rngs)
    self.place = nnx.Embed(8, width, rngs=rngs)
    self.blocks = nnx.List([NNXBlock(width, rngs) for _ in range(2)])
    self.norm = nnx.LayerNorm(width, rngs=rngs)

  def __call__(self, ids):
    x = self.table(ids) + self.place(jnp.arange(ids.shape[1]))[None]
    for block in self.blocks:
      x = nnx.remat(NNXBlock.__call__)(block, x)
    return self.table.attend(self.norm(x))


class EquinoxBlock(eqx.Module):
  """A transformer block."""
  norm1: eqx.nn.LayerNorm
  norm2: eqx.nn.LayerNorm
  attention: eqx.nn.MultiheadAttention
  mlp: eqx.nn.MLP

  def __init__(self, width: int, key: jax.Array):
    keys = jax.random.split(key)
    self.norm1, self.norm2 = eqx.nn.LayerNorm(width), eqx.nn.LayerNorm(width)
    self.attention = eqx.nn.MultiheadAttention(2, width, key=keys[0])
    self.mlp = eqx.nn.MLP(width, width, 2 * width, 1, jax.nn.gelu, key=keys[1])

  def __call__(self, x):
    h = jax.vmap(self.norm1)(x)
    x = x + self.attention(h, h, h)
    return x + jax.vmap(lambda x: self.mlp(self.norm2(x)))(x)


class EquinoxViT(eqx.Module):
  """Patches, stacked blocks in a checkpointed `scan`, a head."""
  patches: eqx.nn.Conv2d
  positions: jax.Array
  blocks: EquinoxBlock
  head: eqx.nn.Linear

  def __init__(self, key: jax.Array, width: int = 64):
    keys = jax.random.split(key, 5)
    self.patches = eqx.nn.Conv2d(3, width, 4, 4, key=keys[0])
    self.positions = jnp.zeros((4, width))
    self.blocks = eqx.filter_vmap(lambda key: EquinoxBlock(width, key))(keys[1:4])
    self.head = eqx.nn.Linear(width, 7, key=keys[4])

  def __call__(self, x):
    x = self.patches(x).reshape(len(self.positions.T), -1).T + self.positions
    arrays, rest = eqx.partition(self.blocks, eqx.is_array)
    step = lambda x, block: (eqx.combine(block, rest)(x), None)
    return self.head(lax.scan(jax.checkpoint(step), x, arrays)[0].mean(0))


class Model(NamedTuple):
  """What must hold of a model."""
  make: Callable[..., Any]
  x: np.ndarray
  captured: float  # the least share of the parameters
  sites: int  # the number of captured parameters
  full: int = 0  # how many of them these data leave no direction
  framework: str = 'linen'

  def network(self) -> case_lib.Network:
    if self.framework == 'linen':
      return frameworks.linen(self.make(), self.x)
    wrap = frameworks.equinox if self.framework == 'Equinox' else frameworks.nnx_model
    return wrap(self.make, self.x)


def images(n, size=8):
  return case_lib.random(n, size, size, 3)


TOKENS = np.array([[3, 1, 4, 1], [5, 9, 2, 6]], np.int32)
MODELS = {
    'ViT, scanned and rematerialised': Model(ViT, images(1), .97, 8),
    'decoder-only transformer, tied': Model(
        GPT, TOKENS, .97, 14),
    'decoder-only transformer, tied, in NNX': Model(
        NNXGPT, TOKENS, .97, 14, framework='NNX'),
    'ViT in Equinox, scanned and rematerialised': Model(
        EquinoxViT, images(1).transpose(0, 3, 1, 2), .97, 8, framework='Equinox'),
    'ResNet with BatchNorm': Model(ResNet, images(1, 4), .98, 7),
    'MLP-Mixer': Model(Mixer, images(2), .95, 10, 4),
    'ConvNeXt': Model(ConvNeXt, images(1, 4), .94, 8),
    'DenseNet': Model(DenseNet, images(1, 4), .97, 4),
}
CASES = [
    case_lib.Case(name, 'Models', model.framework, model.network)
    for name, model in MODELS.items()]
rows = pytest.mark.parametrize('case', CASES, ids=lambda case: case.what)
# A network of each kind in every run: scanned attention, a tied table, BatchNorm.
DAILY = {'ViT, scanned and rematerialised', 'decoder-only transformer, tied, in NNX',
         'ResNet with BatchNorm', 'DenseNet'}
measured = pytest.mark.parametrize('case', [
    pytest.param(case, id=case.what, marks=(
        () if case.what in DAILY else pytest.mark.slow)) for case in CASES])


@rows
def test_nearly_all_is_captured(case):
  fn, params, args = runs.network(case)
  found = unsc_jax.sites(fn, params, *args)
  model = MODELS[case.what]
  assert found.covered > model.captured, str(found)
  assert len({site.path for site in found.uses}) == model.sites, str(found)
  for path in found.uncaptured:  # nothing but what has no inputs of its own
    assert 'norm' in path or path.split('/')[-1] in (
        'bias', 'scale', 'token', 'positions', 'scale0', 'scale1'), str(found)


@measured
def test_null_space_leaves_outputs_and_random_does_not(case):
  _, params, args = runs.network(case)
  forward = runs.forward(case)
  out, moments = runs.result(case)
  # Many layers add up what their directions of little energy let through: a third of what
  # other tests call null, or the bound below is met by some processors alone.
  inside, outside = runs.changes(case, moments, relative=1e-7)
  full = [path for path, change in inside.items() if not np.any(change)]
  assert len(full) == MODELS[case.what].full, full
  moved = runs.change(out, forward(runs.replace(params, inside), *args))
  assert moved < 1e-4
  far = runs.change(out, forward(runs.replace(params, outside), *args))
  assert far > max(.1, 1000 * moved)


def test_a_model_in_training_mode_is_captured_as_well():
  """BatchNorm by the batch's own statistics, which the function returns."""
  model, x = ResNet(), images(2, 4)
  variables = jax.eval_shape(model.init, jax.random.key(0), x)
  variables = jax.tree.map(lambda leaf: np.ones(leaf.shape, leaf.dtype), variables)
  fn = lambda params, x: model.apply(
      {**variables, 'params': params}, x, train=True, mutable=['batch_stats'])
  found = unsc_jax.sites(fn, variables['params'], x)
  assert len({site.path for site in found.uses}) == 7
