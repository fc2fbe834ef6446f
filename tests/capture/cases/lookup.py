"""Tables read by index: what is read is kept, row by row."""

from functools import partial

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

random, weight = case_lib.random, case_lib.weight
of = frameworks.Section('Lookups')
hand = of.hand
IDS = np.array([[1, 2, 3], [4, 2, 1]], np.int32)
TABLE = weight(20, 6)


def counts(n, *ids):
  return sum(np.bincount(np.ravel(i), minlength=n) for i in ids)


def once(_, ids):
  """The counts of a table of 20 rows."""
  return counts(20, ids)


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

  def __init__(self, rngs):
    self.embed = nnx.Embed(20, 16, rngs=rngs)

  def __call__(self, ids):
    return self.embed.attend(jnp.tanh(self.embed(ids)))


def _tied_equinox(embed, ids):
  return jnp.tanh(jax.vmap(jax.vmap(embed))(ids)) @ embed.weight.T


def _tied_haiku(ids):
  embed = hk.Embed(20, 16)
  return jnp.tanh(embed(ids)) @ embed.embeddings.T


def _tied_rows(p, ids):
  table, = p.values()
  return [once(p, ids), np.tanh(table[ids]).reshape(-1, 16)]


def _relative(w, x):
  """Attention with a bias that is read by relative position."""
  i = jnp.arange(x.shape[1])
  return jax.nn.softmax(x @ x.mT + w[:, i[:, None] - i + 2][0]) @ x


def _expert(p, x, i):
  return x @ lax.dynamic_index_in_dim(p['w'], i[0], keepdims=False) + p['b'][i[0]][None]


CASES = [
    hand('rows of a table', lambda w, ids: w[ids], TABLE, IDS, rows=once),
    hand('columns of a table', lambda w, ids: jnp.take(w, ids, axis=1), weight(6, 20), IDS,
         rows=once),
    hand('a table by two indices', lambda w, i, j: w[i, j], weight(4, 5, 6), IDS % 4, IDS,
         rows=lambda w, i, j: counts(20, i * 5 + j)),
    hand('a table by two indices, the other way round', lambda w, i, j: w[:, i, j],
         weight(6, 4, 5), IDS % 4, IDS, rows=lambda w, i, j: counts(20, i * 5 + j)),
    hand('indices from the end', lambda w, ids: w[-ids], TABLE, IDS,
         rows=lambda w, ids: counts(20, 20 - ids)),
    hand('indices beyond the table, clipped',
         lambda w, ids: jnp.take(w, 9 * ids, axis=0, mode='clip'), TABLE, IDS,
         rows=lambda w, ids: counts(20, np.minimum(9 * ids, 19))),
    hand('indices beyond the table, filled',
         lambda w, ids: jnp.take(w, 9 * ids, axis=0, mode='fill', fill_value=0), TABLE, IDS,
         rows=lambda w, ids: counts(20, (9 * ids)[9 * ids < 20])),
    hand('a scaled table', lambda w, ids: (w * 4.)[ids], TABLE, IDS, rows=once),
    hand('an ensemble of tables', lambda w, ids: jax.vmap(lambda table: table[ids])(w),
         weight(3, 20, 6), IDS, rows=once,
         remark='All members read the same rows, which are counted once.'),
    hand('an ensemble of tables, each with indices of its own',
         lambda w, ids: jax.vmap(lambda table, i: table[i])(w, ids), weight(2, 20, 6), IDS,
         rows=lambda w, ids: np.stack([counts(20, i) for i in ids])),
    hand('one row, by a traced index', lambda w, i, x: x + w[i[0]], TABLE, IDS[0],
         random(3, 6), rows=lambda w, i, x: counts(20, i[0])),
    hand('one row, by an index that overflows its type',
         lambda w, i, x: x + lax.dynamic_index_in_dim(
             w[100:], i[0].astype(jnp.uint8), keepdims=False),
         weight(300, 6), np.array([190]), random(3, 6),
         rows=lambda w, i, x: counts(300, 290)),
    hand('one row, clamped to the table',
         lambda w, i, x: x + lax.dynamic_slice(w, (i[0], 0), (1, 6))[0], TABLE,
         np.array([33]), random(3, 6), rows=lambda w, i, x: counts(20, 19)),
    hand('one of a split axis, added', lambda w, i, x: x + w.reshape(4, 5, 6)[i[0]], TABLE,
         np.array([2]), random(3, 5, 6), uncaptured=frameworks.BIAS,
         remark='Several rows, where only single ones are told apart.'),
    hand('a picked row that is another layer\'s input',
         lambda p, i, x: p['table'][i[0]] @ p['w'] + x,
         {'table': TABLE, 'w': weight(6, 4)}, np.array([3]), random(2, 4),
         rows=lambda p, i, x: {'table': counts(20, i), 'w': p['table'][i]}),
    hand('an expert, picked by a traced index', _expert,
         {'w': weight(3, 12, 5), 'b': weight(3, 5)}, random(6, 12), np.array([1]),
         rows=lambda p, x, i: {'w': np.stack([0 * x, x, 0 * x]), 'b': counts(3, i)}),
    hand('an expert for each example',
         lambda w, x, i: jax.vmap(lambda x, i: x @ w[i])(x, i), weight(4, 12, 5),
         random(6, 12), np.array([1, 2, 1, 1, 2, 1]), rows=lambda w, x, i: counts(4, i),
         remark='Experts that are read at all are kept whole.'),
    hand('a bias by relative position', lambda p, x: _relative(p['bias'], x),
         {'bias': weight(2, 5)}, random(2, 3, 4), full=('bias',),
         rows=lambda p, x: counts(5, np.subtract.outer(range(3), range(3)) + 2)),
    hand('a tied table', lambda p, ids: jnp.tanh(p['w'][ids]) @ p['w'].T,
         {'w': weight(20, 16)}, IDS, rows=_tied_rows),
    hand('slices of a row', lambda w, i, x: x + lax.dynamic_slice(w, (i[0], 2), (3, 2)),
         TABLE, np.array([3]), random(3, 2), uncaptured='used by `dynamic_slice`'),
    hand('single entries of rows', lambda w, i, x: x + jnp.take_along_axis(
        w, i[:, None], 1), weight(4, 6), np.array([3, 1, 0, 2]), random(4, 6),
         rows=lambda w, i, x: counts(24, np.arange(4) * 6 + i)),
    hand('windows of a table', lambda w, i, x: x + jax.vmap(
        lambda i: lax.dynamic_slice(w, (i, 0), (2, 6)))(i), TABLE, np.array([3, 5]),
         random(2, 2, 6), uncaptured='read by index, but not in whole rows'),
    of.linen('Embed', nn.Embed(20, 6), IDS, rows=once),
    of.linen('Embed, tied by attend', Tied(), IDS),
    of.linen('Embed of positions', Positions(), IDS, rows=lambda p, ids: {
        'Embed_0/embedding': counts(20, ids),
        'Embed_1/embedding': counts(6, range(3)),
        'Dense_0/kernel': case_lib.flat(
            p['Embed_0/embedding'][ids] + p['Embed_1/embedding'][:3])},
             remark='What no data reach is not subtracted with a batch.'),
    of.nnx('Embed, tied by attend', NNXTied, IDS),
    of.nnx('Embed', partial(nnx.Embed, 20, 6), IDS, rows=once),
    of.equinox('Embedding, tied', partial(eqx.nn.Embedding, 20, 16), IDS,
               call=_tied_equinox, rows=_tied_rows),
    of.haiku('Embed, tied', _tied_haiku, IDS, rows=_tied_rows),
    of.equinox('Embedding', partial(eqx.nn.Embedding, 20, 6), IDS,
               call=lambda m, ids: jax.vmap(jax.vmap(m))(ids), rows=once),
    of.haiku('Embed', lambda ids: hk.Embed(20, 6)(ids), IDS, rows=once),
]
