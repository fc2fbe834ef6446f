"""Moments of complex outputs and answers, against their real Jacobians in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import toys
from unsc_jax import moments as moments_lib
from unsc_jax import null_space
from unsc_jax.moments import moments as taking

KEY = jax.random.key(0)


def _fourier(params, x, extra):
  """Frequencies meet the weights; of two positions the difference is read, odd in them."""
  z = jnp.fft.rfft(x, axis=1) @ params['w'] + extra
  y = jnp.fft.irfft(z, axis=1)
  return jnp.tanh(y[:, 1] - y[:, 3]) @ params['head']


def _imaginary(params, x, extra):
  return jnp.imag(x @ params['w'] + extra)


def _complex(params, x, extra):
  """Answers that are complex, and no holomorphic function of the outputs."""
  z = x @ params['w'] + extra
  return (z.imag + 2j * z.real * z.imag) @ params['head'], z.imag


# Two of the four outputs are read.
HEAD = toys.normal(1, 4, 2) * np.float32([1, 1, 0, 0])[:, None]
WAVES = (toys.normal(2, 12, 3) + 1j * toys.normal(3, 12, 3)).astype(np.complex64)
# A function, its parameters, its inputs, and the shape of its layer's outputs.
CASES = {
    'fourier': (_fourier, {'w': toys.normal(0, 3, 4), 'head': HEAD},
                toys.normal(2, 9, 4, 3), (9, 3, 4)),
    'imaginary': (_imaginary, {'w': toys.normal(0, 3, 4)}, WAVES, (12, 4)),
    'complex': (_complex, {'w': toys.normal(0, 3, 4), 'head': HEAD}, WAVES, (12, 4)),
}


def _case(name):
  fn, params, x, _ = CASES[name]
  return toys.of_a_stranger(functools.partial(fn, extra=0)), params, x


def _found(name, **how):
  fn, params, x = _case(name)
  return taking.moments_of(moments_lib.output_moments(fn, **how), KEY, params, x)


def _flat(answers):
  """Every real coordinate of the answers."""
  leaves = jax.tree.leaves(answers)
  return jnp.concatenate([part.ravel() for leaf in leaves for part in (leaf.real, leaf.imag)])


@functools.cache
def _wanted(name):
  """`J^T J`, with the real and the imaginary part of an output as rows of their own."""
  fn, params, x, shape = CASES[name]
  with jax.enable_x64(True):
    wide = lambda a: np.asarray(a, np.promote_types(a.dtype, np.float64))
    at = toys.of_a_stranger(
        lambda e: _flat(fn(jax.tree.map(wide, params), wide(x), e[0] + 1j * e[1])))
    j = np.asarray(jax.jit(jax.jacobian(at))(np.zeros((2, *shape))))
  rows = j.reshape(-1, shape[-1])
  return rows.T @ rows


@pytest.mark.parametrize('name', CASES)
def test_both_parts_of_an_output_are_rows(name):
  want = _wanted(name)
  exact = _found(name, draws=None)['w']
  np.testing.assert_allclose(exact.second[0], want, atol=2e-5 * np.abs(want).max())
  assert exact.count.item() == np.prod(CASES[name][3][:-1])  # as of inputs, an output is one
  drawn = _found(name, draws=1000)['w'].second[0]
  assert np.linalg.norm(drawn - want) < .08 * np.linalg.norm(want)


def test_no_part_is_favoured():
  """What reads the imaginary part reads as much as what reads the real one."""
  _, params, x = _case('imaginary')
  of = lambda part: moments_lib.accumulate_outputs(moments_lib.output_moments(
      toys.of_a_stranger(lambda p, x: part(x @ p['w'])), draws=None), KEY, params, [x])['w']
  real, imag = of(jnp.real), of(jnp.imag)
  np.testing.assert_array_equal(real.second, imag.second)
  np.testing.assert_allclose(real.second[0], 12 * np.eye(4), rtol=1e-6)
  # The gradients of 12 examples, as complex numbers.
  np.testing.assert_allclose(real.first, 12 * np.ones((1, 4)), rtol=1e-6)
  np.testing.assert_allclose(imag.first, 12j * np.ones((1, 4)), rtol=1e-6)


@pytest.mark.parametrize('filter', [
    null_space.kronecker(1e-4), null_space.two_sided(null_space.soft(10.), null_space.soft(1e-4))])
def test_what_frequencies_carry_to_the_answers_is_kept(filter):
  """To first order; and a change along outputs that no answer reads passes."""
  fn, params, x = _case('fourier')
  gains = filter(toys.moments_of(fn, params, x), _found('fourier', draws=None))
  update = {'w': toys.normal(9, 3, 4), 'head': np.zeros_like(params['head'])}
  passed = {**update, 'w': toys.confine(update, gains)['w']}
  move = jax.jit(lambda u: jax.jvp(lambda p: fn(p, x), (params,), (u,))[1])
  before, after = (np.linalg.norm(move(u)) for u in (update, passed))
  assert after < .02 * before
  assert np.linalg.norm(passed['w'][:, 2:]) > .9 * np.linalg.norm(update['w'][:, 2:])
