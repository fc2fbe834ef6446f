"""DEL's channels, reset and masked steps against numpy."""

import jax
import numpy as np
import optax
import pytest

from unsc_jax import methods

KEY = jax.random.key(0)


def channel_mask(problem, ref, share, *tops):
  """By the mean of a layer's `top` largest |w g| of every output channel."""
  params = ref.params(problem)
  total = jax.tree.map(lambda *g: sum(g), *ref.each(params, problem.forget))
  score = jax.tree.map(lambda w, g: np.abs(w * g), params, total)
  for layer, top in zip(score.values(), tops):
    columns = np.sort(layer['kernel'], 0)[::-1][:top].mean(0)
    layer['kernel'] = np.broadcast_to(columns, layer['kernel'].shape)
  flat = ref.flat(score)
  order = np.argsort(-flat, kind='stable')[:int(share * flat.size)]
  mask = np.zeros(flat.size, bool)
  mask[order] = True
  return ref.unflat(mask, params)


@pytest.mark.parametrize('published', [False, True])
def test_resets_channels_and_trains_them(fixed_init, ref, published):
  problem, fresh = fixed_init, fixed_init.network.init(KEY)
  # A third of six and of five inputs; published, a tenth of five channels.
  mask = channel_mask(problem, ref, .4, *((1, 1) if published else (2, 1)))
  if not published:
    mask['b']['kernel'][:, 2], mask['b']['bias'][2] = True, True
  params = jax.tree.map(
      lambda m, new, old: np.where(m, np.asarray(new, np.float64), old),
      mask, fresh, ref.params(problem))
  free = {'a': mask['a'], 'b': jax.tree.map(np.ones_like, mask['b'])}
  gradient = ref.gradient(lambda p: ref.cross_entropy(p, problem.retain), params)
  expected = jax.tree.map(
      lambda w, g, m: w - .1 * g * m, params, gradient, free)
  method = methods.example_localization(
      optax.sgd(.1), share=.4, channel_share=1 / 3, published=published, steps=1,
      batch_size=20)
  ref.assert_close(method(problem, KEY).params, expected)
