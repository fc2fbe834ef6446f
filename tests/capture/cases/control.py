"""Branches, loops of unknown length, wrapped functions, inner `shard_map`."""

import functools

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from tests.capture import case as case_lib
from tests.capture import frameworks

Case, random, weight = case_lib.Case, case_lib.random, case_lib.weight
SECTION = 'Control flow and wrapped functions'
X = random(4, 12)
W = {'w': weight(12, 12)}
FORWARD = case_lib.FORWARD
# A `shard_map` cannot be put into another over the same devices.
OUTSIDE = ('eager', 'jit', 'grad', 'vmap')
P = jax.sharding.PartitionSpec


def hand(what, fn, params, *args, rows=None, **more) -> Case:
  return Case(what, SECTION, 'hand-written',
              lambda: frameworks.by_hand(fn, params, *args), rows=rows, **more)


def steps(w, x, n):
  seen = []
  for _ in range(n):
    seen.append(x)
    x = np.tanh(x @ w)
  return np.concatenate(seen)


def _while(p, x):
  return lax.while_loop(lambda s: s[0] < 2, lambda s: (
      s[0] + 1, jnp.tanh(s[1] @ p['w'])), (0, x))[1]


def _while_carries(p, x):
  i, x, w = lax.while_loop(lambda s: s[0] < 2, lambda s: (
      s[0] + 1, jnp.tanh(s[1] @ s[2].T), s[2]), (0, x, p['w'].T))
  return x @ w.T


def _while_changes(p, x):
  return lax.while_loop(lambda s: s[0] < 2, lambda s: (
      s[0] + 1, jnp.tanh(s[1] @ s[2]), s[2] + .1), (0, x, p['w']))[1]


def _while_shrinks(p, x):
  return lax.while_loop(lambda s: s[0] < 2, lambda s: (
      s[0] + 1, jnp.tanh(s[1] @ s[2]), s[2] * .5), (0, x, p['w']))[1]


def _while_swaps(p, x):
  step = lambda s: (s[0] + 1, jnp.tanh(s[1] @ s[2]), s[3], s[2])
  return lax.while_loop(lambda s: s[0] < 3, step, (0, x, p['a'], p['b']))[1]


def _while_is_asked(p, x):
  """The parameter decides when the loop ends."""
  return lax.while_loop(
      lambda x: jnp.abs(x @ p['w']).max() > 1., lambda x: .5 * x, x)


def _while_by_data(p, x):
  """Data say how many layers run, and so which biases are read."""
  step = lambda s: (s[0] + 1, jnp.tanh(s[1] @ p['w'][s[0]]) + p['b'][s[0]])
  go_on = lambda s: s[0] < jnp.where(jnp.isfinite(x).all(), 2, 3)
  return lax.while_loop(go_on, step, (0, x))[1]


def _while_by_example(p, x, n):
  """Vectorised, examples end at steps of their own."""
  run = lambda x, n: lax.fori_loop(0, n, lambda i, x: jnp.tanh(x @ p['w']), x)
  return jax.vmap(run)(x, n) @ p['v']


def _cond(p, x):
  return lax.cond(jnp.isfinite(x).all(), lambda x: x @ p['a'],
                  lambda x: jnp.tanh(x) @ p['b'], x)


def _switch(p, x):
  branches = [lambda x, name=name: jnp.tanh(x @ p[name]) for name in 'abc']
  return lax.switch((x[0, 0] > 99).astype(int) + 1, branches, x)


def _cond_returns(p, x):
  w = lax.cond(x[0, 0] > 0, lambda: p['a'], lambda: p['b'])
  return x @ w


def _select_multiples(p, x):
  return x @ jnp.where(jnp.tri(12) > 0, p['w'], 2 * p['w'])


def _cond_hands_on(p, x):
  x, w = lax.cond(jnp.isfinite(x).all(), lambda x, w: (x, w),
                  lambda x, w: (2 * x, w), x, p['w'])
  return x @ w


def _cond_asks(p, x):
  return lax.cond(p['w'][0, 0] > 0, lambda x: x, lambda x: 2 * x, x) @ p['v']


def _vmapped_cond(p, x):
  return jax.vmap(lambda x: lax.cond(
      x[0] > x[1], lambda x: x @ p['a'], lambda x: x @ p['b'], x))(x)


def _scan_of_while_of_scan(p, x):
  inner = lambda x: lax.scan(lambda x, w: (jnp.tanh(x @ w), None), x, p['w'])[0]
  middle = lambda x: lax.while_loop(
      lambda s: s[0] < 2, lambda s: (s[0] + 1, inner(s[1])), (0, x))[1]
  return lax.scan(lambda x, _: (middle(x), None), x, None, length=2)[0]


def _deep_rows(p, x):
  seen = []
  for i in range(8):
    seen.append(x)
    x = np.tanh(x @ p['w'][i % 2])
  return {'w': np.stack([np.concatenate(seen[0::2]), np.concatenate(seen[1::2])])}


@jax.custom_jvp
def _custom_jvp(w, x):
  return jnp.tanh(x @ w)


@_custom_jvp.defjvp
def _(primals, tangents):
  (w, x), (dw, dx) = primals, tangents
  return _custom_jvp(w, x), 3. * (x @ dw + dx @ w)


@jax.custom_vjp
def _reversal(w, x):
  """A layer that reverses and doubles gradients."""
  return jnp.tanh(x @ w.T[:, ::-1].T)


def _reversal_fwd(w, x):
  return _reversal(w, x) + 0., (w, x)


def _reversal_bwd(saved, g):
  w, x = saved
  return -2. * (x.T @ g), -2. * (g @ w.T)


_reversal.defvjp(_reversal_fwd, _reversal_bwd)


@jax.custom_batching.custom_vmap
def _custom_vmap(w, x):
  return jnp.tanh(x @ w)


@_custom_vmap.def_vmap
def _(axis_size, in_batched, w, x):
  del axis_size, in_batched
  return jnp.tanh(x @ w), True


@functools.partial(jax.checkpoint, policy=jax.checkpoint_policies.dots_saveable)
def _checkpointed(p, x):
  return jnp.tanh(jax.checkpoint(lambda x: x @ p['a'])(x)) @ p['b']


def _straight_through(p, x):
  """Rounded forward, passed through backward."""
  w = p['w'] + lax.stop_gradient(jnp.round(p['w'] * 4) / 4 - p['w'])
  return x @ w


def _mesh(**axes):
  return jax.make_mesh(tuple(axes.values()), tuple(axes), axis_types=(
      jax.sharding.AxisType.Auto,) * len(axes))


def _sharded(in_specs, out_spec, body, **options):
  def fn(p, x):
    mesh = _mesh(data=2, model=2)
    return jax.shard_map(body, mesh=mesh, in_specs=in_specs, out_specs=out_spec,
                         **options)(p['w'], x)
  return fn


def _row_parallel_rows(p, x):
  left, right = x.copy(), x.copy()
  left[:, 6:] = right[:, :6] = 0
  return {'w': np.concatenate([left, right])}


def _sharded_scan(w, x):
  return lax.scan(lambda x, w: (jnp.tanh(x @ w), None), x, w)[0]


REPLICATED = (P(), P('data'))
STACK = {'w': weight(2, 12, 12, seed=4)}
AB = {'a': weight(12, 12), 'b': weight(12, 12, seed=2)}
CASES = [
    hand('inside `while_loop`', _while, W, random(3, 12), contexts=FORWARD,
         rows=lambda p, x: {'w': steps(p['w'], x, 2)}),
    hand('carried through `while_loop` unchanged, transposed', _while_carries, W,
         random(3, 12), contexts=FORWARD, rows=lambda p, x: {'w': steps(p['w'], x, 3)}),
    hand('carried through `while_loop` and changed', _while_changes, W, X, contexts=FORWARD,
         uncaptured={'w': 'carried and changed by a `while_loop`'}),
    hand('carried through `while_loop` and scaled', _while_shrinks, W, X, contexts=FORWARD,
         uncaptured={'w': 'carried and changed by a `while_loop`'}),
    hand('two that a `while_loop` swaps', _while_swaps, AB, X, contexts=FORWARD,
         uncaptured=dict.fromkeys('ab', 'carried and changed by a `while_loop`')),
    hand('read to decide when a `while_loop` ends', _while_is_asked, W, X, contexts=FORWARD,
         uncaptured={'w': 'read to decide when a `while_loop` ends'}),
    hand('inside a `while_loop` whose length depends on data', _while_by_data,
         {'w': weight(3, 12, 12), 'b': weight(3, 12)}, X, contexts=FORWARD),
    hand('inside a vmapped `while_loop` that examples leave apart', _while_by_example,
         {**W, 'v': weight(12, 5)}, X, np.array([1, 2, 3, 1]), contexts=FORWARD,
         uncaptured={'w': 'a `while_loop` whose examples end at different steps'},
         remark='`lax.map` in place of `vmap` is captured.'),
    hand('one by one by `map`, with a loop of their own', lambda p, x, n: lax.map(
        lambda xn: lax.fori_loop(0, xn[1], lambda i, x: jnp.tanh(x @ p['w']), xn[0]),
        (x, n)), W, random(3, 12), np.array([1, 2, 1]), contexts=FORWARD,
         rows=lambda p, x, n: {'w': np.concatenate([
             steps(p['w'], x[i:][:1], k) for i, k in enumerate(n)])}),
    hand('inside the branches of `cond`', _cond, AB, X, idle=('b',),
         rows=lambda p, x: {'a': x, 'b': 0 * x},
         remark='A branch that never runs confines nothing.'),
    hand('inside the branches of `switch`', _switch,
         {**AB, 'c': weight(12, 12, seed=3)}, X, idle=('a', 'c'),
         rows=lambda p, x: {'a': 0 * x, 'b': x, 'c': 0 * x}),
    hand('chosen by `cond`', _cond_returns, AB, X,
         uncaptured=dict.fromkeys('ab', 'returned by the body of a `cond`')),
    hand('chosen entry by entry between two multiples', _select_multiples, W, X,
         uncaptured={'w': 'used by `select_n`'}),
    hand('handed on by every branch of `cond`', _cond_hands_on, W, X,
         rows=lambda p, x: {'w': x}),
    hand('read to decide which branch runs', _cond_asks,
         {'w': weight(2, 2), 'v': weight(12, 5)}, X,
         uncaptured={'w': 'used by `gt`'}, rows=lambda p, x: {
             'v': x * (1 if p['w'][0, 0] > 0 else 2)}),
    hand('inside a vmapped `cond`', _vmapped_cond, AB, X,
         rows=lambda p, x: {'a': x, 'b': x},
         remark='Vectorised, both branches run for every example.'),
    hand('loops in loops in loops', _scan_of_while_of_scan, STACK, random(2, 12),
         contexts=FORWARD,
         rows=_deep_rows),
    hand('inside `custom_jvp`', lambda p, x: _custom_jvp(p['w'], x), W, X,
         rows=lambda p, x: {'w': x}),
    hand('inside `custom_vjp`, with a forward pass of its own',
         lambda p, x: _reversal(p['w'], x), W, X,
         rows=lambda p, x: {'w': x[:, ::-1]}),
    hand('inside `custom_vmap`', lambda p, x: jax.vmap(
        lambda x: _custom_vmap(p['w'], x))(x), W, X, rows=lambda p, x: {'w': x}),
    hand('inside nested `checkpoint`s with a policy', _checkpointed, AB, X,
         rows=lambda p, x: {'a': x, 'b': np.tanh(x @ p['a'])}),
    hand('inside nested `jit`s', lambda p, x: jax.jit(
        lambda w: jax.jit(lambda w: x @ w)(w.T))(p['w'].T), W, X,
         rows=lambda p, x: {'w': x}),
    hand('behind `stop_gradient`', lambda p, x: x @ lax.stop_gradient(p['w']), W, X,
         rows=lambda p, x: {'w': x}),
    hand('rounded with a straight-through gradient', _straight_through, W, X,
         uncaptured={'w': 'used by `round`'}),
    hand('inside `shard_map`, replicated', _sharded(
        REPLICATED, P('data'), lambda w, x: jnp.tanh(x @ w)), W, X,
         rows=lambda p, x: {'w': x}, contexts=OUTSIDE),
    hand('inside `shard_map`, split along outputs', _sharded(
        (P(None, 'model'), P('data')), P('data', 'model'), lambda w, x: x @ w), W, X,
         rows=lambda p, x: {'w': x}, contexts=OUTSIDE),
    hand('inside `shard_map`, split along inputs', _sharded(
        (P('model'), P('data', 'model')), P('data'),
        lambda w, x: lax.psum(x @ w, 'model')), W, X,
         rows=_row_parallel_rows, contexts=OUTSIDE,
         remark='Every device keeps its own part of the inputs.'),
    hand('inside `shard_map`, stacked layers split', _sharded(
        (P('model'), P('model', 'data')), P('model', 'data'),
        lambda w, x: jnp.einsum('lbi,lio->lbo', x, w)), STACK, random(2, 4, 12),
         rows=lambda p, x: {'w': x}, contexts=OUTSIDE),
    hand('inside a `scan` inside `shard_map`', _sharded(
        REPLICATED, P('data'), _sharded_scan), STACK, X, contexts=OUTSIDE,
         rows=lambda p, x: {'w': np.stack([x, np.tanh(x @ p['w'][0])])}),
    hand('inside a `shard_map` without types', _sharded(
        REPLICATED, P('data'), lambda w, x: x @ w, check_vma=False), W, X,
         uncaptured={'w': 'check_vma=False'}, contexts=OUTSIDE),
    hand('gathered inside `shard_map`', _sharded(
        (P('model'), P('data')), P('data', 'model'), lambda w, x: x @ lax.all_gather(
            w, 'model', tiled=True)), W, X, contexts=OUTSIDE,
         uncaptured={'w': 'used by `all_gather'}),
]
