"""Equinox's and Haiku's own transformations around layers."""

from functools import partial

import equinox as eqx
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

from tests.capture import case as case_lib
from tests.capture import frameworks

of = frameworks.Section('Control flow and wrapped functions')
X = case_lib.random(4, 12)
LINEAR = partial(eqx.nn.Linear, 12, 5)


def _ensemble(key):
  return eqx.filter_vmap(lambda key: LINEAR(key=key))(jax.random.split(key, 3))


def _all_members(model, x):
  one = lambda model, x: jax.vmap(model)(x)
  return eqx.filter_vmap(one, in_axes=(eqx.if_array(0), 0))(model, x)


def _in_bfloat16(model, x):
  half = lambda leaf: leaf.astype(jnp.bfloat16) if eqx.is_inexact_array(leaf) else leaf
  return jax.vmap(jax.tree.map(half, model))(x.astype(jnp.bfloat16))


def _remat(x):
  h = hk.remat(lambda x: jnp.tanh(hk.Linear(9, with_bias=False)(x)))(x)
  return hk.Linear(5, with_bias=False)(h)


CASES = [
    of.equinox('an ensemble by filter_vmap', _ensemble, case_lib.random(3, 4, 12),
               call=_all_members, biases='bias', rows=lambda p, x: x),
    of.equinox('filter_checkpoint', partial(
        eqx.nn.MLP, 12, 5, 9, 1, use_bias=False, use_final_bias=False,
        activation=jnp.tanh), X,
               call=lambda model, x: jax.vmap(eqx.filter_checkpoint(model))(x),
               rows=lambda p, x: {'layers/0/weight': x, 'layers/1/weight': np.tanh(
                   x @ p['layers/0/weight'].T)}),
    of.equinox('computed in bfloat16', LINEAR, X, call=_in_bfloat16, biases='bias',
               tolerance=2e-2, rows=lambda p, x: x.astype(jnp.bfloat16)),
    of.haiku('remat', _remat, X, rows=lambda p, x: {
        'linear/w': x, 'linear_1/w': np.tanh(x @ p['linear/w'])}),
]
