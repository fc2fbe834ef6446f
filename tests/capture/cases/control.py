"""Branches, loops of unknown length, wrapped functions, inner `shard_map`."""

import functools

import jax
from jax import lax
import jax.numpy as jnp
from jax.sharding import PartitionSpec as P
import numpy as np

from tests.capture import case as case_lib
from tests.capture import frameworks
from tests.capture.cases import recurrent

random, weight, inputs = case_lib.random, case_lib.weight, case_lib.inputs
hand = frameworks.Section('Control flow and wrapped functions').hand
looped = functools.partial(hand, contexts=case_lib.FORWARD)
# A `shard_map` cannot be put into another over the same devices.
outside = functools.partial(hand, contexts=('eager', 'jit', 'grad', 'vmap'))


def steps(w, x, n):
  return np.concatenate(recurrent.layer_inputs([w] * n, x))


def loop(n, step, *start):
  """A step `n` times by `while_loop`, on all that it carries."""
  return lax.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, *step(*s[1:])),
                        (0, *start))[1:]


def _while_carries(w, x):
  x, w = loop(2, lambda x, w: (jnp.tanh(x @ w.T), w), x, w.T)
  return x @ w.T


def _while_changes(change):
  return lambda w, x: loop(2, lambda x, w: (jnp.tanh(x @ w), change(w)), x, w)[0]


def _while_by_data(p, x):
  """Data say how many layers run, and so which biases are read."""
  step = lambda s: (s[0] + 1, jnp.tanh(s[1] @ p['w'][s[0]]) + p['b'][s[0]])
  go_on = lambda s: s[0] < jnp.where(jnp.isfinite(x).all(), 2, 3)
  return lax.while_loop(go_on, step, (0, x))[1]


def _repeated(w, x, n):
  return lax.fori_loop(0, n, lambda i, x: jnp.tanh(x @ w), x)


def _cond(p, x):
  return lax.cond(jnp.isfinite(x).all(), lambda x: x @ p['a'],
                  lambda x: jnp.tanh(x) @ p['b'], x)


def _switch(p, x):
  branches = [lambda x, name=name: jnp.tanh(x @ p[name]) for name in 'abc']
  return lax.switch((x[0, 0] > 99).astype(int) + 1, branches, x)


def _cond_hands_on(w, x):
  x, w = lax.cond(jnp.isfinite(x).all(), lambda x, w: (x, w),
                  lambda x, w: (2 * x, w), x, w)
  return x @ w


def _cond_asks(p, x):
  return lax.cond(p['w'][0, 0] > 0, lambda x: x, lambda x: 2 * x, x) @ p['v']


def _vmapped_cond(p, x):
  return jax.vmap(lambda x: lax.cond(
      x[0] > x[1], lambda x: x @ p['a'], lambda x: x @ p['b'], x))(x)


def _scan_of_while_of_scan(ws, x):
  middle = lambda x: loop(2, lambda x: (recurrent.through(ws, x),), x)[0]
  return lax.scan(lambda x, _: (middle(x), None), x, None, length=2)[0]


def _deep_rows(ws, x):
  seen = recurrent.layer_inputs([*ws] * 4, x)
  return np.stack([np.concatenate(seen[::2]), np.concatenate(seen[1::2])])


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


_reversal.defvjp(lambda w, x: (_reversal(w, x) + 0., (w, x)),
                 lambda saved, g: (-2. * (saved[1].T @ g), -2. * (g @ saved[0].T)))


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


def _straight_through(w, x):
  """Rounded forward, passed through backward."""
  return x @ (w + lax.stop_gradient(jnp.round(w * 4) / 4 - w))


def _sharded(in_specs, out_spec, body, **options):
  def fn(w, x):
    mesh = jax.make_mesh((2, 2), ('data', 'model'),
                         axis_types=(jax.sharding.AxisType.Auto,) * 2)
    return jax.shard_map(body, mesh=mesh, in_specs=in_specs, out_specs=out_spec,
                         **options)(w, x)
  return fn


def _row_parallel_rows(_, x):
  left = np.arange(12) < 6
  return np.concatenate([x * left, x * ~left])


X = random(4, 12)
FEW = random(3, 12)
W = weight(12, 12)
REPLICATED = (P(), P('data'))
STACK = weight(2, 12, 12, seed=4)
AB = {'a': W, 'b': weight(12, 12, seed=2)}
CHANGED = 'carried and changed by a `while_loop`'
CASES = [
    looped('inside `while_loop`', lambda w, x: loop(
        2, lambda x: (jnp.tanh(x @ w),), x)[0], W, FEW, rows=lambda w, x: steps(w, x, 2)),
    looped('carried through `while_loop` unchanged, transposed', _while_carries, W, FEW,
           rows=lambda w, x: steps(w, x, 3)),
    looped('carried through `while_loop` and changed', _while_changes(lambda w: w + .1),
           W, X, uncaptured=CHANGED),
    looped('carried through `while_loop` and scaled', _while_changes(lambda w: w * .5),
           W, X, uncaptured=CHANGED),
    looped('two that a `while_loop` swaps', lambda p, x: loop(
        3, lambda x, a, b: (jnp.tanh(x @ a), b, a), x, p['a'], p['b'])[0], AB, X,
           uncaptured=CHANGED),
    looped('read to decide when a `while_loop` ends', lambda w, x: lax.while_loop(
        lambda x: jnp.abs(x @ w).max() > 1., lambda x: .5 * x, x), W, X,
           uncaptured='read to decide when a `while_loop` ends'),
    looped('inside a `while_loop` whose length depends on data', _while_by_data,
           {'w': weight(3, 12, 12), 'b': weight(3, 12)}, X),
    # Vectorised, examples end at steps of their own.
    looped('inside a vmapped `while_loop` that examples leave apart', lambda p, x, n:
           jax.vmap(lambda x, n: _repeated(p['w'], x, n))(x, n) @ p['v'],
           {'w': W, 'v': weight(12, 5)}, X, np.array([1, 2, 3, 1]),
           uncaptured={'w': 'a `while_loop` whose examples end at different steps'},
           remark='`lax.map` in place of `vmap` is captured.'),
    looped('one by one by `map`, with a loop of their own', lambda w, x, n: lax.map(
        lambda xn: _repeated(w, *xn), (x, n)), W, FEW, np.array([1, 2, 1]),
           rows=lambda w, x, n: np.concatenate([
               steps(w, x[i:][:1], k) for i, k in enumerate(n)])),
    hand('inside the branches of `cond`', _cond, AB, X, idle=('b',),
         rows=lambda p, x: {'a': x, 'b': 0 * x},
         remark='A branch that never runs confines nothing.'),
    hand('inside the branches of `switch`', _switch,
         {**AB, 'c': weight(12, 12, seed=3)}, X, idle=('a', 'c'),
         rows=lambda p, x: {'a': 0 * x, 'b': x, 'c': 0 * x}),
    hand('chosen by `cond`', lambda p, x: x @ lax.cond(
        x[0, 0] > 0, lambda: p['a'], lambda: p['b']), AB, X,
         uncaptured='returned by the body of a `cond`'),
    hand('chosen entry by entry between two multiples',
         lambda w, x: x @ jnp.where(jnp.tri(12) > 0, w, 2 * w), W, X,
         uncaptured='used by `select_n`'),
    hand('handed on by every branch of `cond`', _cond_hands_on, W, X, rows=inputs),
    hand('read to decide which branch runs', _cond_asks,
         {'w': weight(2, 2), 'v': weight(12, 5)}, X, uncaptured={'w': 'used by `gt`'},
         rows=lambda p, x: x * (1 if p['w'][0, 0] > 0 else 2)),
    hand('inside a vmapped `cond`', _vmapped_cond, AB, X, rows=inputs,
         remark='Vectorised, both branches run for every example.'),
    looped('loops in loops in loops', _scan_of_while_of_scan, STACK, random(2, 12),
           rows=_deep_rows),
    hand('inside `custom_jvp`', _custom_jvp, W, X, rows=inputs),
    hand('inside `custom_vjp`, with a forward pass of its own', _reversal, W, X,
         rows=lambda w, x: x[:, ::-1]),
    hand('inside `custom_vmap`', lambda w, x: jax.vmap(
        lambda x: _custom_vmap(w, x))(x), W, X, rows=inputs),
    hand('inside nested `checkpoint`s with a policy', _checkpointed, AB, X,
         rows=lambda p, x: {'a': x, 'b': np.tanh(x @ p['a'])}),
    hand('inside nested `jit`s', lambda w, x: jax.jit(
        lambda w: jax.jit(lambda w: x @ w)(w.T))(w.T), W, X, rows=inputs),
    hand('behind `stop_gradient`', lambda w, x: x @ lax.stop_gradient(w), W, X,
         rows=inputs),
    hand('rounded with a straight-through gradient', _straight_through, W, X,
         uncaptured='used by `round`'),
    outside('inside `shard_map`, replicated', _sharded(
        REPLICATED, P('data'), lambda w, x: jnp.tanh(x @ w)), W, X, rows=inputs),
    outside('inside `shard_map`, split along outputs', _sharded(
        (P(None, 'model'), P('data')), P('data', 'model'), lambda w, x: x @ w), W, X,
            rows=inputs),
    outside('inside `shard_map`, split along inputs', _sharded(
        (P('model'), P('data', 'model')), P('data'),
        lambda w, x: lax.psum(x @ w, 'model')), W, X, rows=_row_parallel_rows,
            remark='Every device keeps its own part of the inputs.'),
    outside('inside `shard_map`, stacked layers split', _sharded(
        (P('model'), P('model', 'data')), P('model', 'data'),
        lambda w, x: jnp.einsum('lbi,lio->lbo', x, w)), STACK, random(2, 4, 12),
            rows=lambda w, x: x),
    outside('inside a `scan` inside `shard_map`', _sharded(
        REPLICATED, P('data'), recurrent.through), STACK, X, rows=recurrent.layer_inputs),
    outside('inside a `shard_map` without types', _sharded(
        REPLICATED, P('data'), lambda w, x: x @ w, check_vma=False), W, X,
            uncaptured='check_vma=False'),
    outside('gathered inside `shard_map`', _sharded(
        (P('model'), P('data')), P('data', 'model'),
        lambda w, x: x @ lax.all_gather(w, 'model', tiled=True)), W, X,
            uncaptured='used by `all_gather'),
]
