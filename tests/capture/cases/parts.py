"""Single entries along an axis, beside other uses of the same parameter."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.capture import case as case_lib
from tests.capture import frameworks

Case, random, weight = case_lib.Case, case_lib.random, case_lib.weight
X = random(4, 12)
TOKENS = random(2, 3, 12)


def hand(what, fn, w, x, rows, **more) -> Case:
  return Case(what, 'Matrix products', 'hand-written',
              lambda: frameworks.by_hand(fn, {'w': w}, x), rows=rows, **more)


def twice(p, x):
  return {'w': np.tile(x.reshape(-1, 12), (2, 1))}


def _first_row_apart(p, x):
  return x[:, :1] @ p['w'][:1] + jnp.tanh(x[:, 1:]) @ p['w'][1:]


def _first_row_apart_rows(p, x):
  first, rest = x.copy(), np.tanh(x)
  first[:, 1:] = rest[:, :1] = 0
  return {'w': np.concatenate([first, rest])}


def _multi_query(p, x):
  """Three heads of queries, and one that is key and value to them all."""
  q, k = jnp.einsum('btd,dhe->bhte', x, p['w'][:, :3]), x @ p['w'][:, 3]
  scores = jax.nn.softmax(jnp.einsum('bhte,bse->bhts', q, k))
  return jnp.einsum('bhts,bse->bhte', scores, k)


def _all_and_one(p, x):
  return jnp.einsum('bi,lio->lbo', x, p['w']) * jnp.tanh(x @ p['w'][1])


def _last_in_three_ways(p, x):
  """As a whole, in two parts, and one column by itself."""
  parts = (x @ p['w'][:, :2]) @ jnp.ones((2, 1)) + x @ p['w'][:, 2:3]
  return x @ p['w'] * jnp.tanh(parts) + jnp.tanh(x @ p['w'][:, 4])[:, None]


SHARED = 'All columns keep what any of them reads.'
CASES = [
    hand('one column apart from the others', lambda p, x: jnp.tanh(
        x @ p['w'][:, :1]) * (x @ p['w'][:, 1:]), weight(12, 5), X, twice),
    hand('one row apart from the others', _first_row_apart, weight(12, 5), X,
         _first_row_apart_rows),
    hand('one head apart from the others, as in multi-query attention', _multi_query,
         weight(12, 4, 5), TOKENS, twice),
    hand('one of a stack, and all of it', _all_and_one, weight(3, 12, 5), X, twice,
         remark=SHARED),
    hand('all columns, some of them, and one', _last_in_three_ways, weight(12, 5), X,
         lambda p, x: {'w': np.tile(x, (4, 1))}),
    hand('a row that is an output, and all of them as inputs', lambda p, x: jnp.tanh(
        x @ p['w']) + (x[:, :9] @ p['w'][3])[:, None], weight(12, 9), X,
         lambda p, x: {'w': [x, x[:, :9]]}, remark=SHARED),
]
