"""Equinox's and Haiku's own transformations around layers."""

import equinox as eqx
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

from tests.capture import case as case_lib
from tests.capture import frameworks

BIAS = 'added, as a bias is'
X = case_lib.random(4, 12)


def of(framework, what, network, **more) -> case_lib.Case:
  return case_lib.Case(
      what, 'Control flow and wrapped functions', framework, network, **more)


def _linear(key):
  return eqx.nn.Linear(12, 5, key=key)


def _ensemble(key):
  return eqx.filter_vmap(_linear)(jax.random.split(key, 3))


def _all_members(model, x):
  one = lambda model, x: jax.vmap(model)(x)
  return eqx.filter_vmap(one, in_axes=(eqx.if_array(0), 0))(model, x)


def _checkpointed(model, x):
  return jax.vmap(eqx.filter_checkpoint(model))(x)


def _in_bfloat16(model, x):
  half = lambda leaf: leaf.astype(jnp.bfloat16) if eqx.is_inexact_array(leaf) else leaf
  return jax.vmap(jax.tree.map(half, model))(x.astype(jnp.bfloat16))


def _remat(x):
  h = hk.remat(lambda x: jnp.tanh(hk.Linear(9, with_bias=False)(x)))(x)
  return hk.Linear(5, with_bias=False)(h)


CASES = [
    of('Equinox', 'an ensemble by filter_vmap', lambda: frameworks.equinox(
        _ensemble, case_lib.random(3, 4, 12), call=_all_members),
       uncaptured={'bias': BIAS}, rows=lambda p, x: {'weight': x}),
    of('Equinox', 'filter_checkpoint', lambda: frameworks.equinox(
        lambda key: eqx.nn.MLP(12, 5, 9, 1, use_bias=False, use_final_bias=False,
                               activation=jnp.tanh, key=key), X, call=_checkpointed),
       rows=lambda p, x: {
           'layers/0/weight': x, 'layers/1/weight': np.tanh(x @ p['layers/0/weight'].T)}),
    of('Equinox', 'computed in bfloat16', lambda: frameworks.equinox(
        _linear, X, call=_in_bfloat16), uncaptured={'bias': BIAS}, tolerance=2e-2,
       rows=lambda p, x: {'weight': x.astype(jnp.bfloat16)}),
    of('Haiku', 'remat', lambda: frameworks.haiku(_remat, X), rows=lambda p, x: {
        'linear/w': x, 'linear_1/w': np.tanh(x @ p['linear/w'])}),
]
