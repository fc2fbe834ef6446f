"""Layers in loops: recurrent ones, and stacks of layers run by one body."""

import itertools

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from tests.capture import case as case_lib
from tests.capture import frameworks

random, weight, inputs = case_lib.random, case_lib.weight, case_lib.inputs
SECTION = 'Loops and stacks'
hand = frameworks.Section(SECTION).hand
X = random(4, 12)
SEQUENCE = random(2, 3, 12)
W = weight(12, 12)
STACK = weight(3, 12, 12, seed=2)
XH = {'x': W, 'h': weight(12, 12, seed=3)}


def layer_inputs(ws, x, biases=None):
  """What each of a stack of layers sees, `x` going through `tanh(x @ w + b)`."""
  out = []
  for w, b in zip(ws, itertools.repeat(0) if biases is None else biases):
    out.append(x)
    x = np.tanh(x @ w + b)
  return np.stack(out)


def through(ws, x, **options):
  return lax.scan(lambda x, w: (jnp.tanh(x @ w), None), x, ws, **options)[0]


def _recurrent(p, x):
  def step(h, x):
    h = jnp.tanh(x @ p['x'] + h @ p['h'])
    return h, h
  return lax.scan(step, jnp.zeros((x.shape[0], 12)), x.swapaxes(0, 1))[1]


def _recurrent_rows(p, x):
  hs = layer_inputs([p['h']] * 3, np.zeros((len(x), 12)), (x @ p['x']).swapaxes(0, 1))
  return {'x': x.reshape(-1, 12), 'h': hs.reshape(-1, 12)}


def _unrolled(p, x):
  h = jnp.zeros((x.shape[0], 12))
  for t in range(x.shape[1]):
    h = jnp.tanh(x[:, t] @ p['x'] + h @ p['h'])
  return h


def _nested_rows(ws, x):
  return layer_inputs(ws.reshape(6, 12, 12), x).reshape(2, 3, *x.shape)


def _reverse_rows(ws, x):
  return layer_inputs(ws[::-1], x)[::-1]


def _carried(w, x):
  step = lambda carry, _: ((jnp.tanh(carry[0] @ carry[1]), carry[1]), None)
  (x, w), _ = lax.scan(step, (x, w), None, length=2)
  return x @ w


def _carried_transposed(w, x):
  step = lambda carry, _: ((jnp.tanh(carry[0] @ carry[1]), carry[1].T), None)
  return lax.scan(step, (x, w), None, length=2)[0][0]


def _handed_on(ws, x):
  """The body returns its layer, and the caller uses the stack again."""
  x, ws = lax.scan(lambda x, w: (jnp.tanh(x @ w), w), x, ws)
  return jnp.einsum('bi,lio->lbo', x, ws)[1:] + through(ws, x)


def _handed_on_alone(ws, x):
  x, ws = lax.scan(lambda x, w: (jnp.tanh(x @ w), w), x, ws)
  return through(ws, x)


def _counted(p, x):
  step = lambda i, x: jnp.tanh(x @ p['w'][i] + p['b'][i])
  return lax.fori_loop(0, 3, step, x)


def _flat_stack_rows(w, x):
  seen = layer_inputs(w.reshape(3, 12, 12), x)
  return np.einsum('lni,lk->lnki', seen, np.eye(3)).reshape(-1, 36)


CASES = [
    hand('a recurrent layer by `scan`', _recurrent, XH, SEQUENCE, rows=_recurrent_rows),
    hand('a recurrent layer, unrolled', _unrolled, XH, SEQUENCE, rows=_recurrent_rows),
    hand('stacked layers by `scan`', through, STACK, X, rows=layer_inputs),
    hand('stacked layers, `scan` in reverse',
         lambda ws, x: through(ws, x, reverse=True), STACK, X, rows=_reverse_rows),
    hand('stacked layers, `scan` unrolled', lambda ws, x: through(ws, x, unroll=2),
         STACK, X, rows=layer_inputs),
    hand('part of a stack', lambda ws, x: through(ws[1:], x), STACK, X,
         rows=lambda ws, x: np.concatenate([0 * x[None], layer_inputs(ws[1:], x)])),
    hand('a stack in reverse order', lambda ws, x: through(ws[::-1], x), STACK, X,
         rows=_reverse_rows),
    hand('a stack whose axes move first',
         lambda w, x: through(jnp.moveaxis(w, 1, 0), x), np.moveaxis(STACK, 0, 1).copy(),
         X, rows=lambda w, x: layer_inputs(np.moveaxis(w, 1, 0), x)),
    hand('a stack kept as one matrix', lambda w, x: through(w.reshape(3, 12, 12), x),
         STACK.reshape(36, 12), X, rows=_flat_stack_rows),
    hand('stacks of stacks', lambda ws, x: lax.scan(
        lambda x, ws: (through(ws, x), None), x, ws)[0],
         np.stack([STACK, weight(3, 12, 12, seed=9)]), X, rows=_nested_rows),
    hand('stacked layers by `fori_loop` and index', _counted,
         {'w': STACK, 'b': weight(3, 12)}, X, full=('b',), rows=lambda p, x: {
             'w': layer_inputs(p['w'], x, p['b']), 'b': np.ones(3)}),
    hand('a stack made of parameters on the way',
         lambda p, x: through(jnp.stack([p['a'], p['b']]), x),
         {'a': W, 'b': weight(12, 12, seed=5)}, X,
         uncaptured='stacked on others before a `scan`'),
    hand('a parameter that a loop carries unchanged', _carried, W, random(3, 12),
         rows=lambda w, x: layer_inputs([w] * 3, x).reshape(-1, 12)),
    hand('a parameter that a loop carries and changes', _carried_transposed, W, X,
         uncaptured='carried and changed by a `scan`'),
    hand('a stack that a loop hands on', _handed_on_alone, STACK, X[:2],
         rows=lambda ws, x: layer_inputs([*ws] * 2, x).reshape(
             2, 3, 2, 12).swapaxes(0, 1).reshape(3, 4, 12)),
    hand('a stack that a loop hands on to two uses', _handed_on, STACK, X[:1],
         rows=lambda ws, x: layer_inputs([*ws] * 2, x)[[0, 1, 2, 3, 3, 4, 5], 0],
         remark='One of them reads all layers at once, so all keep what any reads.'),
    hand('the map of a layer', lambda w, x: lax.map(lambda x: x @ w, x), weight(12, 5), X,
         rows=inputs),
    hand('a vmapped ensemble, same inputs', lambda ws, x: jax.vmap(lambda w: x @ w)(ws),
         weight(3, 12, 5), X, rows=inputs),
    hand('a vmapped ensemble, own inputs', lambda ws, x: jax.vmap(
        lambda x, w: x @ w, (1, 0), 1)(x, ws), weight(3, 12, 5), random(6, 3, 12),
         rows=lambda ws, x: x.swapaxes(0, 1)),
]
