"""Single entries along an axis, beside other uses of the same parameter."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.capture import case as case_lib
from tests.capture import frameworks

random, weight = case_lib.random, case_lib.weight
hand = frameworks.Section('Matrix products').hand
X = random(4, 12)
TOKENS = random(2, 3, 12)
SHARED = 'All columns keep what any of them reads.'


def twice(_, x):
  return np.tile(case_lib.flat(x), (2, 1))


def _first_row_apart(w, x):
  return x[:, :1] @ w[:1] + jnp.tanh(x[:, 1:]) @ w[1:]


def _first_row_apart_rows(_, x):
  first = np.arange(12) < 1
  return np.concatenate([x * first, np.tanh(x) * ~first])


def _multi_query(w, x):
  """Three heads of queries, and one that is key and value to them all."""
  q, k = jnp.einsum('btd,dhe->bhte', x, w[:, :3]), x @ w[:, 3]
  scores = jax.nn.softmax(jnp.einsum('bhte,bse->bhts', q, k))
  return jnp.einsum('bhts,bse->bhte', scores, k)


def _last_in_three_ways(w, x):
  """As a whole, in two parts, and one column by itself."""
  parts = (x @ w[:, :2]) @ jnp.ones((2, 1)) + x @ w[:, 2:3]
  return x @ w * jnp.tanh(parts) + jnp.tanh(x @ w[:, 4])[:, None]


CASES = [
    hand('one column apart from the others',
         lambda w, x: jnp.tanh(x @ w[:, :1]) * (x @ w[:, 1:]), weight(12, 5), X,
         rows=twice),
    hand('one row apart from the others', _first_row_apart, weight(12, 5), X,
         rows=_first_row_apart_rows),
    hand('one head apart from the others, as in multi-query attention', _multi_query,
         weight(12, 4, 5), TOKENS, rows=twice),
    hand('one of a stack, and all of it',
         lambda w, x: jnp.einsum('bi,lio->lbo', x, w) * jnp.tanh(x @ w[1]),
         weight(3, 12, 5), X, rows=twice, remark=SHARED),
    hand('all columns, some of them, and one', _last_in_three_ways, weight(12, 5), X,
         rows=lambda w, x: np.tile(x, (4, 1))),
    hand('a row that is an output, and all of them as inputs',
         lambda w, x: jnp.tanh(x @ w) + (x[:, :9] @ w[3])[:, None], weight(12, 9), X,
         rows=lambda w, x: [x, x[:, :9]], remark=SHARED),
]
