"""A layer whose moment fits no memory is named before the pass, with the way out."""

import jax
import jax.numpy as jnp
import pytest

import unsc_jax
from unsc_jax.moments import memory

D = 4_000_000  # 64 TB


def fn(params, x):
  return jnp.tanh(x[:, :6] @ params['narrow']) + x @ params['wide']


PARAMS = {'narrow': jnp.ones((6, 1)), 'wide': jnp.ones((D, 1))}


def test_wide_layers_are_named_and_can_be_left_out():
  x = jnp.ones((1, D))
  with pytest.raises(ValueError, match=r'do not fit .* GiB that are left of .*wide \(fan-in '
                     r'4,000,000: 59,604\.\d+ GiB\), narrow .*leave layers out with `select`'):
    unsc_jax.accumulate(unsc_jax.input_moments(fn), PARAMS, [x])
  narrow = unsc_jax.input_moments(fn, select=lambda site: site.folded[1] < 1000)
  moments = unsc_jax.accumulate(narrow, PARAMS, [x])
  assert [m.site.path for m in moments] == ['narrow']


def test_nothing_is_refused_that_fits():
  shapes = jax.eval_shape(unsc_jax.input_moments(fn), PARAMS, jnp.ones((1, D)))[1]
  bytes_ = 4 * (D**2 + 6**2 + 2 * (D + 6) + 2)  # second, first and gross, counts
  assert memory.size(shapes) == bytes_
  memory.check(shapes, bytes_)
  memory.check(shapes, None)
  with pytest.raises(ValueError, match='do not fit'):
    memory.check(shapes, bytes_ - 1)
  assert memory.room() > 2**20
