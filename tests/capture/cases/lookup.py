"""Tables read by index: what is read is kept, row by row."""

import equinox as eqx
from flax import linen as nn
from flax import nnx
import haiku as hk
import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from tests.capture import case as case_lib
from tests.capture import frameworks

Case, random, weight = case_lib.Case, case_lib.random, case_lib.weight
SECTION = 'Lookups'
IDS = np.array([[1, 2, 3], [4, 2, 1]], np.int32)


def counts(n, *ids):
  return sum(np.bincount(np.ravel(i), minlength=n) for i in ids)


def hand(what, fn, params, *args, rows=None, **more) -> Case:
  return Case(what, SECTION, 'hand-written',
              lambda: frameworks.by_hand(fn, params, *args), rows=rows, **more)


class Tied(nn.Module):
  """One table at both ends."""

  @nn.compact
  def __call__(self, ids):
    embed = nn.Embed(20, 16)
    return embed.attend(nn.Dense(16, use_bias=False)(embed(ids)))


class Positions(nn.Module):
  """Positions that every batch reads alike."""

  @nn.compact
  def __call__(self, ids):
    x = nn.Embed(20, 8)(ids) + nn.Embed(6, 8)(jnp.arange(ids.shape[1]))
    return nn.Dense(5, use_bias=False)(x)


class NNXTied(nnx.Module):

  def __init__(self):
    self.embed = nnx.Embed(20, 16, rngs=nnx.Rngs(0))

  def __call__(self, ids):
    return self.embed.attend(jnp.tanh(self.embed(ids)))


def _tied_by_hand(p, ids):
  return jnp.tanh(p['w'][ids]) @ p['w'].T


def _tied_equinox(embed, ids):
  return jnp.tanh(jax.vmap(jax.vmap(embed))(ids)) @ embed.weight.T


def _tied_haiku(ids):
  embed = hk.Embed(20, 16)
  return jnp.tanh(embed(ids)) @ embed.embeddings.T


def _tied_rows(path):
  return lambda p, ids: {path: [
      counts(20, ids), np.tanh(p[path][ids]).reshape(-1, 16)]}


def _relative(p, x):
  """Attention with a bias that is read by relative position."""
  i = jnp.arange(x.shape[1])
  return jax.nn.softmax(x @ x.mT + p['bias'][:, i[:, None] - i + 2][0]) @ x


def _ensemble(p, ids):
  return jax.vmap(lambda table: table[ids])(p['w'])


def _ensemble_of_ids(p, ids):
  return jax.vmap(lambda table, i: table[i])(p['w'], ids)


def _expert(p, x, i):
  return x @ lax.dynamic_index_in_dim(p['w'], i[0], keepdims=False) + p['b'][i[0]]


def _expert_by_example(p, x, i):
  return jax.vmap(lambda x, i: x @ p['w'][i])(x, i)


def _chosen_row_is_an_input(p, i, x):
  return p['table'][i[0]] @ p['w'] + x


CASES = [
    hand('rows of a table', lambda p, ids: p['w'][ids], {'w': weight(20, 6)}, IDS,
         rows=lambda p, ids: {'w': counts(20, ids)}),
    hand('columns of a table', lambda p, ids: jnp.take(p['w'], ids, axis=1),
         {'w': weight(6, 20)}, IDS, rows=lambda p, ids: {'w': counts(20, ids)}),
    hand('a table by two indices', lambda p, i, j: p['w'][i, j],
         {'w': weight(4, 5, 6)}, IDS % 4, IDS, rows=lambda p, i, j: {
             'w': counts(20, i * 5 + j)}),
    hand('a table by two indices, the other way round',
         lambda p, i, j: p['w'][:, i, j], {'w': weight(6, 4, 5)}, IDS % 4, IDS,
         rows=lambda p, i, j: {'w': counts(20, i * 5 + j)}),
    hand('indices from the end', lambda p, ids: p['w'][-ids],
         {'w': weight(20, 6)}, IDS, rows=lambda p, ids: {'w': counts(20, 20 - ids)}),
    hand('indices beyond the table, clipped',
         lambda p, ids: jnp.take(p['w'], 9 * ids, axis=0, mode='clip'),
         {'w': weight(20, 6)}, IDS,
         rows=lambda p, ids: {'w': counts(20, np.minimum(9 * ids, 19))}),
    hand('indices beyond the table, filled',
         lambda p, ids: jnp.take(p['w'], 9 * ids, axis=0, mode='fill', fill_value=0),
         {'w': weight(20, 6)}, IDS, rows=lambda p, ids: {
             'w': counts(20, (9 * ids)[9 * ids < 20])}),
    hand('a scaled table', lambda p, ids: (p['w'] * 4.)[ids], {'w': weight(20, 6)},
         IDS, rows=lambda p, ids: {'w': counts(20, ids)}),
    hand('an ensemble of tables', _ensemble, {'w': weight(3, 20, 6)}, IDS,
         rows=lambda p, ids: {'w': counts(20, ids)},
         remark='All members read the same rows, which are counted once.'),
    hand('an ensemble of tables, each with indices of its own', _ensemble_of_ids,
         {'w': weight(2, 20, 6)}, IDS,
         rows=lambda p, ids: {'w': np.stack([counts(20, i) for i in ids])}),
    hand('one row, by a traced index', lambda p, i, x: x + p['w'][i[0]],
         {'w': weight(20, 6)}, IDS[0], random(3, 6),
         rows=lambda p, i, x: {'w': counts(20, i[0])}),
    hand('one row, by an index that overflows its type',
         lambda p, i, x: x + lax.dynamic_index_in_dim(
             p['w'][100:], i[0].astype(jnp.uint8), keepdims=False),
         {'w': weight(300, 6)}, np.array([190]), random(3, 6),
         rows=lambda p, i, x: {'w': counts(300, 290)}),
    hand('one row, clamped to the table', lambda p, i, x: x + lax.dynamic_slice(
        p['w'], (i[0], 0), (1, 6))[0], {'w': weight(20, 6)}, np.array([33]),
         random(3, 6), rows=lambda p, i, x: {'w': counts(20, 19)}),
    hand('one of a split axis, added', lambda p, i, x: x + p['w'].reshape(
        4, 5, 6)[i[0]], {'w': weight(20, 6)}, np.array([2]), random(3, 5, 6),
         uncaptured={'w': 'added, as a bias is'},
         remark='Several rows, where only single ones are told apart.'),
    hand('a picked row that is another layer\'s input', _chosen_row_is_an_input,
         {'table': weight(20, 6), 'w': weight(6, 4)}, np.array([3]), random(2, 4),
         rows=lambda p, i, x: {'table': counts(20, i), 'w': p['table'][i]}),
    hand('an expert, picked by a traced index', _expert,
         {'w': weight(3, 12, 5), 'b': weight(3, 5)}, random(6, 12), np.array([1]),
         rows=lambda p, x, i: {'w': np.stack([0 * x, x, 0 * x]),
                               'b': counts(3, i)}),
    hand('an expert for each example', _expert_by_example, {'w': weight(4, 12, 5)},
         random(6, 12), np.array([1, 2, 1, 1, 2, 1]),
         rows=lambda p, x, i: {'w': counts(4, i)},
         remark='Experts that are read at all are kept whole.'),
    hand('a bias by relative position', _relative, {'bias': weight(2, 5)},
         random(2, 3, 4), rows=lambda p, x: {
             'bias': counts(5, np.subtract.outer(range(3), range(3)) + 2)},
         full=('bias',)),
    hand('a tied table', _tied_by_hand, {'w': weight(20, 16)}, IDS,
         rows=_tied_rows('w')),
    hand('slices of a row', lambda p, i, x: x + lax.dynamic_slice(
        p['w'], (i[0], 2), (3, 2)), {'w': weight(20, 6)}, np.array([3]),
         random(3, 2), uncaptured={'w': 'used by `dynamic_slice`'}),
    hand('single entries of rows', lambda p, i, x: x + jnp.take_along_axis(
        p['w'], i[:, None], 1), {'w': weight(4, 6)}, np.array([3, 1, 0, 2]),
         random(4, 6),
         rows=lambda p, i, x: {'w': counts(24, np.arange(4) * 6 + i)}),
    hand('windows of a table', lambda p, i, x: x + jax.vmap(
        lambda i: lax.dynamic_slice(p['w'], (i, 0), (2, 6)))(i),
         {'w': weight(20, 6)}, np.array([3, 5]), random(2, 2, 6),
         uncaptured={'w': 'read by index, but not in whole rows'}),
    Case('Embed', SECTION, 'linen', lambda: frameworks.linen(nn.Embed(20, 6), IDS),
         rows=lambda p, ids: {'embedding': counts(20, ids)}),
    Case('Embed, tied by attend', SECTION, 'linen',
         lambda: frameworks.linen(Tied(), IDS)),
    Case('Embed of positions', SECTION, 'linen',
         lambda: frameworks.linen(Positions(), IDS), rows=lambda p, ids: {
             'Embed_0/embedding': counts(20, ids),
             'Embed_1/embedding': counts(6, range(3)),
             'Dense_0/kernel': (p['Embed_0/embedding'][ids]
                                + p['Embed_1/embedding'][:3]).reshape(-1, 8)},
         remark='What no data reach is not subtracted with a batch.'),
    Case('Embed, tied by attend', SECTION, 'NNX',
         lambda: frameworks.nnx_model(NNXTied(), IDS)),
    Case('Embed', SECTION, 'NNX', lambda: frameworks.nnx_model(
        nnx.Embed(20, 6, rngs=nnx.Rngs(0)), IDS),
         rows=lambda p, ids: {'embedding': counts(20, ids)}),
    Case('Embedding, tied', SECTION, 'Equinox', lambda: frameworks.equinox(
        lambda key: eqx.nn.Embedding(20, 16, key=key), IDS, call=_tied_equinox),
         rows=_tied_rows('weight')),
    Case('Embed, tied', SECTION, 'Haiku', lambda: frameworks.haiku(_tied_haiku, IDS),
         rows=_tied_rows('embed/embeddings')),
    Case('Embedding', SECTION, 'Equinox', lambda: frameworks.equinox(
        lambda key: eqx.nn.Embedding(20, 6, key=key), IDS,
        call=lambda m, ids: jax.vmap(jax.vmap(m))(ids)),
         rows=lambda p, ids: {'weight': counts(20, ids)}),
    Case('Embed', SECTION, 'Haiku', lambda: frameworks.haiku(
        lambda ids: hk.Embed(20, 6)(ids), IDS),
         rows=lambda p, ids: {'embed/embeddings': counts(20, ids)}),
]
