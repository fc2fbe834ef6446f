"""Random programs that use parameters in every way a program can.

Each step takes values made so far, parameters among them, and makes another. All
are `[n, 6]`, and those a matrix can be multiplied by `[6, 6]`. Most programs
make no sense as networks: what matters is that whatever is captured is right.
"""

from collections.abc import Callable
from typing import NamedTuple

from hypothesis import strategies as st
import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from tests.capture import case

D = 6


@jax.custom_vjp
def _reversed(a, b):
  return jnp.tanh(a @ b)


_reversed.defvjp(lambda a, b: (_reversed(a, b), (a, b)),
                 lambda saved, g: (-g @ saved[1].T, -saved[0].T @ g))


def _carry(a, b, _, change):
  step = lambda carry, _: ((jnp.tanh(carry[0] @ carry[1]), change(carry[1])), None)
  return lax.scan(step, (a, b), None, length=2)[0][0]


def _halves(a, b, _):
  step = lambda h, w: (jnp.tanh(h[:, :3] @ w), w)
  h, ws = lax.scan(step, a, b.reshape(2, 3, D))
  return h + ws.sum((0, 1))[None] if a is b else h


def _while(a, b, c):
  step = lambda s: (s[0] + 1, jnp.tanh(s[1] @ s[2]) + c[:1], s[2])
  return lax.while_loop(lambda s: s[0] < 2, step, (0, a, b))[1]


def _counted(a, b, _):
  stack = b.reshape(2, 3, D)
  return lax.fori_loop(0, 2, lambda i, h: jnp.tanh(h[:, 3:] @ stack[i]), a)


def _grouped(a, b, _):
  return lax.conv_general_dilated(
      a[None], b.reshape(3, 2, D), (1,), 'SAME', dimension_numbers=(
          'NWC', 'WIO', 'NWC'), feature_group_count=3)[0]


def _picked(a):
  """An index that data decide."""
  return jnp.argmax(a.sum(0)) % D


# name: (a [n, 6], b [6, 6], c [6, 6]) -> [n, 6], or [6, 6] if it starts with '='
STEPS: dict[str, Callable] = {
    'product': lambda a, b, c: a @ b,
    'product with the transpose': lambda a, b, c: a @ b.T,
    'nonlinear': lambda a, b, c: jnp.tanh(a),
    'bias': lambda a, b, c: a + b[0][None],
    'residual': lambda a, b, c: a + jnp.tanh(a @ b) @ c,
    '=transpose': lambda a, b, c: b.T,
    '=reverse': lambda a, b, c: b[::-1],
    '=roll': lambda a, b, c: jnp.roll(b, 2, axis=1),
    '=shuffle': lambda a, b, c: b.reshape(2, 3, D).swapaxes(0, 1).reshape(D, D),
    '=scale': lambda a, b, c: -.5 * b,
    '=scale by data': lambda a, b, c: b * jnp.tanh(a.sum()),
    '=sum': lambda a, b, c: b + c,
    '=entrywise product': lambda a, b, c: b * c,
    '=product of weights': lambda a, b, c: b @ c,
    '=columns of two': lambda a, b, c: jnp.concatenate([b[:, :3], c[:, 3:]], 1),
    '=rows of two': lambda a, b, c: jnp.concatenate([b[:2], c[2:]]),
    '=choice of the same': lambda a, b, c: jnp.where(a[0, 0] > 0, b, b),
    '=choice of two': lambda a, b, c: jnp.where(a[0, 0] > 0, b, c),
    '=choice of multiples': lambda a, b, c: jnp.where(jnp.tri(D) > 0, b, 2 * b),
    '=branch': lambda a, b, c: lax.cond(a[0, 0] > 0, lambda: b, lambda: c),
    '=branch that agrees': lambda a, b, c: lax.cond(
        a[0, 0] > 0, lambda x: x, lambda x: x, b),
    '=cast': lambda a, b, c: b.astype(jnp.float16).astype(jnp.float32),
    '=barrier': lambda a, b, c: lax.optimization_barrier(b),
    '=tile': lambda a, b, c: jnp.tile(b[:, :3], (1, 2)),
    '=outer': lambda a, b, c: jnp.einsum('i,j->ij', a[0], b[0]),
    'scan': lambda a, b, c: lax.scan(
        lambda h, _: (jnp.tanh(h @ b), None), a, None, length=2)[0],
    'scan that carries': lambda a, b, c: _carry(a, b, c, lambda w: w),
    'scan that transposes': lambda a, b, c: _carry(a, b, c, lambda w: w.T),
    'scan that shrinks': lambda a, b, c: _carry(a, b, c, lambda w: w / 2),
    'scan over halves': _halves,
    'while': _while,
    'count': _counted,
    'branches': lambda a, b, c: lax.cond(
        a[0, 0] > 0, lambda a: a @ b, lambda a: jnp.tanh(a @ c), a),
    'jit': lambda a, b, c: jax.jit(lambda a, b: (a @ b.T, b))(a, b)[0],
    'jit that returns': lambda a, b, c: a @ jax.jit(lambda b: b.T)(b),
    'checkpoint': lambda a, b, c: jax.checkpoint(lambda a: jnp.tanh(a @ b))(a),
    'custom_vjp': lambda a, b, c: _reversed(a, b),
    'gradient': lambda a, b, c: jax.grad(lambda a: jnp.tanh(a @ b).sum())(a),
    'vmap': lambda a, b, c: jax.vmap(lambda x: b @ x)(a),
    'row by data': lambda a, b, c: a + b[_picked(a)][None],
    'column by data': lambda a, b, c: a + b[:, _picked(a)][None],
    'block by data': lambda a, b, c: a[:, :3] @ b.reshape(2, 3, D)[_picked(a) % 2],
    'block by data, added': lambda a, b, c: a + b.reshape(2, 3, D)[
        _picked(a) % 2].sum(0)[None],
    'rows by data': lambda a, b, c: a + b[jnp.argmax(a, 1)],
    'entries by data': lambda a, b, c: a + jnp.take_along_axis(
        b[:1], jnp.argsort(a[:1]), 1),
    'window by data': lambda a, b, c: a[:, :2] @ lax.dynamic_slice(
        b, (_picked(a), 0), (2, D)),
    'grouped convolution': _grouped,
    'heads': lambda a, b, c: jnp.einsum(
        'nhi,hio->no', a.reshape(-1, 3, 2), b.reshape(3, 2, D)),
    'heads apart': lambda a, b, c: jnp.einsum(
        'nhi,hio->nho', a.reshape(-1, 3, 2), b.reshape(3, 2, D)).max(1),
    'attention': lambda a, b, c: jax.nn.softmax(a @ b @ a.T) @ a @ c,
    'parts': lambda a, b, c: a[:, :4] @ b[:4] + jnp.tanh(a[:, 4:]) @ b[4:],
    'every other': lambda a, b, c: a[:, ::2] @ b[1::2],
    'one column': lambda a, b, c: a + (a @ b[:, 2])[:, None],
    'one row': lambda a, b, c: a[:, 3:4] @ b[1:2],
    'one row as an output': lambda a, b, c: a + (a @ b[4])[:, None],
    'one column apart': lambda a, b, c: jnp.concatenate(
        [a @ b[:, :1], jnp.tanh(a @ b[:, 1:])], 1),
    'parameter as input': lambda a, b, c: a + jnp.tanh(b[:1] @ c),
}
NAMES = sorted(STEPS)


class Step(NamedTuple):
  name: str
  rows: int  # which of the values `[n, 6]`, counted from the last
  first: int  # which of the values `[6, 6]`
  second: int


programs = st.lists(
    st.builds(Step, st.sampled_from(NAMES), *(st.integers(0, 4) for _ in range(3))),
    min_size=1, max_size=6)


def run(program: list[Step], params: dict, x: jax.Array) -> jax.Array:
  """The network that a program is: `params` of `[6, 6]`, `x` `[n, 6]`."""
  matrices, rows = list(params.values()), [x]
  pick = lambda values, i: values[-1 - i % len(values)]
  for step in program:
    b, c = pick(matrices, step.first), pick(matrices, step.second)
    new = STEPS[step.name](pick(rows, step.rows), b, c)
    if step.name.startswith('='):
      matrices.append(new)
    else:
      rows.append(new)
  return rows[-1] + jnp.tanh(rows[0] @ matrices[-1])


def start() -> tuple[dict[str, np.ndarray], np.ndarray]:
  params = {name: case.weight(D, D, seed=seed) for seed, name in enumerate('uvw')}
  return params, case.random(2, D)
