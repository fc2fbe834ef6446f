"""Layers in loops: recurrent ones, and stacks of layers run by one body."""

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from tests.capture import case as case_lib
from tests.capture import frameworks

Case, random, weight = case_lib.Case, case_lib.random, case_lib.weight
SECTION = 'Loops and stacks'
BIAS = 'added, as a bias is'
X = random(4, 12)
SEQUENCE = random(2, 3, 12)
STACK = weight(3, 12, 12, seed=2)


def hand(what, fn, params, *args, rows=None, **more) -> Case:
  return Case(what, SECTION, 'hand-written',
              lambda: frameworks.by_hand(fn, params, *args), rows=rows, **more)


def layer_inputs(ws, x):
  """What each of a stack of layers sees, `x` going through `tanh(x @ w)`."""
  out = []
  for w in ws:
    out.append(x)
    x = np.tanh(x @ w)
  return np.stack(out)


def through(ws, x, **options):
  return lax.scan(lambda x, w: (jnp.tanh(x @ w), None), x, ws, **options)[0]


def _recurrent(p, x):
  def step(h, x):
    h = jnp.tanh(x @ p['x'] + h @ p['h'])
    return h, h
  return lax.scan(step, jnp.zeros((x.shape[0], 12)), x.swapaxes(0, 1))[1]


def _recurrent_rows(p, x):
  h, seen = np.zeros((len(x), 12)), []
  for t in range(x.shape[1]):
    seen.append(h)
    h = np.tanh(x[:, t] @ p['x'] + h @ p['h'])
  return {'x': x.reshape(-1, 12), 'h': np.concatenate(seen)}


def _unrolled(p, x):
  h = jnp.zeros((x.shape[0], 12))
  for t in range(x.shape[1]):
    h = jnp.tanh(x[:, t] @ p['x'] + h @ p['h'])
  return h


def _nested(p, x):
  return lax.scan(lambda x, ws: (through(ws, x), None), x, p['w'])[0]


def _nested_rows(p, x):
  inputs = layer_inputs(p['w'].reshape(6, 12, 12), x)
  return {'w': inputs.reshape(2, 3, *x.shape)}


def _reverse_rows(p, x):
  return {'w': layer_inputs(p['w'][::-1], x)[::-1]}


def _carried(p, x):
  def step(carry, _):
    x, w = carry
    return (jnp.tanh(x @ w), w), None
  (x, w), _ = lax.scan(step, (x, p['w']), None, length=2)
  return x @ w


def _carried_transposed(p, x):
  def step(carry, _):
    x, w = carry
    return (jnp.tanh(x @ w), w.T), None
  return lax.scan(step, (x, p['w']), None, length=2)[0][0]


def _handed_on(p, x):
  """The body returns its layer, and the caller uses the stack again."""
  x, ws = lax.scan(lambda x, w: (jnp.tanh(x @ w), w), x, p['w'])
  return jnp.einsum('bi,lio->lbo', x, ws)[1:] + through(ws, x)


def _handed_on_alone(p, x):
  x, ws = lax.scan(lambda x, w: (jnp.tanh(x @ w), w), x, p['w'])
  return through(ws, x)


def _counted(p, x):
  step = lambda i, x: jnp.tanh(x @ p['w'][i] + p['b'][i])
  return lax.fori_loop(0, 3, step, x)


def _counted_rows(p, x):
  seen = []
  for w, b in zip(p['w'], p['b']):
    seen.append(x)
    x = np.tanh(x @ w + b)
  return {'w': np.stack(seen), 'b': np.ones(3)}


def _stacked_in_place(p, x):
  return through(jnp.stack([p['a'], p['b']]), x)


def _flat_stack(p, x):
  return through(p['w'].reshape(3, 12, 12), x)


def _flat_stack_rows(p, x):
  seen = layer_inputs(p['w'].reshape(3, 12, 12), x)
  out = np.zeros((len(seen), len(x), 36))
  for i, rows in enumerate(seen):
    out[i, :, 12 * i:][:, :12] = rows
  return {'w': out.reshape(-1, 36)}


def _run(ws, x):
  for w in ws:
    x = np.tanh(x @ w)
  return x


CASES = [
    hand('a recurrent layer by `scan`', _recurrent,
         {'x': weight(12, 12), 'h': weight(12, 12, seed=3)}, SEQUENCE,
         rows=_recurrent_rows),
    hand('a recurrent layer, unrolled', _unrolled,
         {'x': weight(12, 12), 'h': weight(12, 12, seed=3)}, SEQUENCE,
         rows=_recurrent_rows),
    hand('stacked layers by `scan`', lambda p, x: through(p['w'], x),
         {'w': STACK}, X, rows=lambda p, x: {'w': layer_inputs(p['w'], x)}),
    hand('stacked layers, `scan` in reverse',
         lambda p, x: through(p['w'], x, reverse=True), {'w': STACK}, X,
         rows=_reverse_rows),
    hand('stacked layers, `scan` unrolled',
         lambda p, x: through(p['w'], x, unroll=2), {'w': STACK}, X,
         rows=lambda p, x: {'w': layer_inputs(p['w'], x)}),
    hand('part of a stack', lambda p, x: through(p['w'][1:], x), {'w': STACK}, X,
         rows=lambda p, x: {'w': np.concatenate(
             [0 * x[None], layer_inputs(p['w'][1:], x)])}),
    hand('a stack in reverse order', lambda p, x: through(p['w'][::-1], x),
         {'w': STACK}, X, rows=_reverse_rows),
    hand('a stack whose axes move first',
         lambda p, x: through(jnp.moveaxis(p['w'], 1, 0), x),
         {'w': np.moveaxis(STACK, 0, 1).copy()}, X,
         rows=lambda p, x: {'w': layer_inputs(np.moveaxis(p['w'], 1, 0), x)}),
    hand('a stack kept as one matrix', _flat_stack, {'w': STACK.reshape(36, 12)}, X,
         rows=_flat_stack_rows),
    hand('stacks of stacks', _nested,
         {'w': np.stack([STACK, weight(3, 12, 12, seed=9)])}, X, rows=_nested_rows),
    hand('stacked layers by `fori_loop` and index', _counted,
         {'w': STACK, 'b': weight(3, 12)}, X, rows=_counted_rows, full=('b',)),
    hand('a stack made of parameters on the way', _stacked_in_place,
         {'a': weight(12, 12), 'b': weight(12, 12, seed=5)}, X,
         uncaptured=dict.fromkeys('ab', 'stacked on others before a `scan`')),
    hand('a parameter that a loop carries unchanged', _carried,
         {'w': weight(12, 12)}, random(3, 12), rows=lambda p, x: {
             'w': layer_inputs([p['w']] * 3, x).reshape(-1, 12)}),
    hand('a parameter that a loop carries and changes', _carried_transposed,
         {'w': weight(12, 12)}, X,
         uncaptured={'w': 'carried and changed by a `scan`'}),
    hand('a stack that a loop hands on', _handed_on_alone, {'w': STACK}, X[:2],
         rows=lambda p, x: {'w': np.concatenate([
             layer_inputs(p['w'], x), layer_inputs(
                 p['w'], _run(p['w'], x))], 1)}),
    hand('a stack that a loop hands on to two uses', _handed_on, {'w': STACK}, X[:1],
         rows=lambda p, x: {'w': np.concatenate([
             *layer_inputs(p['w'], x), _run(p['w'], x),
             *layer_inputs(p['w'], _run(p['w'], x))])},
         remark='One of them reads all layers at once, so all keep what any reads.'),
    hand('the map of a layer', lambda p, x: lax.map(lambda x: x @ p['w'], x),
         {'w': weight(12, 5)}, X, rows=lambda p, x: {'w': x}),
    hand('a vmapped ensemble, same inputs', lambda p, x: jax.vmap(
        lambda w: x @ w)(p['w']), {'w': weight(3, 12, 5)}, X,
         rows=lambda p, x: {'w': x}),
    hand('a vmapped ensemble, own inputs', lambda p, x: jax.vmap(
        lambda x, w: x @ w, (1, 0), 1)(x, p['w']), {'w': weight(3, 12, 5)},
         random(6, 3, 12), rows=lambda p, x: {'w': x.swapaxes(0, 1)}),
]
