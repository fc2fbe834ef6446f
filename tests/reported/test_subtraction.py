"""What was subtracted: moments stay moments, or one sentence says that they do not."""

import warnings

import hypothesis
from hypothesis import strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import toys
import unsc_jax
from unsc_jax import null_space

LINEAR = unsc_jax.input_moments(lambda p, x: x @ p['w'])
D = 20


def linear(x):
  return LINEAR({'w': jnp.ones((D, D))}, jnp.asarray(x, jnp.float32))[1]


def normal(seed, *shape):
  return np.random.default_rng(seed).normal(size=shape)


def test_data_that_were_never_in_are_refused_with_the_figure():
  kept, strange = linear(normal(0, 12, D)), linear(normal(1, 10, D))
  with pytest.raises(ValueError, match='moments of w have negative eigenvalues, '
                     r'-\d.* beside \d.*; subtract only moments of data that'):
    unsc_jax.null_space_bases(kept - strange)
  for combine in (null_space.pooled(), null_space.merged(), null_space.sequential()):
    with pytest.raises(ValueError, match='moments of w have negative eigenvalues'):
      combine([kept - strange])
  before = {'w': jnp.ones((D, D))}
  # A change that meets what was not in, and nothing that was.
  _, _, others = np.linalg.svd(normal(0, 12, D))
  strays = jnp.asarray(others.T * (np.arange(D) >= 12), jnp.float32)
  with pytest.raises(ValueError, match='moments of w give its outputs a negative energy'):
    unsc_jax.drift(kept - strange, before, {'w': 1 + strays})
  with pytest.raises(ValueError, match='more were subtracted than had ever been added'):
    unsc_jax.null_space_bases(strange - kept)


@pytest.mark.parametrize('energy', [.9, .99])
def test_what_cancellation_leaves_in_doubt_is_kept(energy):
  """Forgotten inputs 1000 times as large: retained outputs keep their share."""
  retained = normal(0, 40, 6) @ normal(1, 6, D)
  forgotten = 1000 * normal(2, 40, D)
  everything = linear(np.concatenate([retained, forgotten]))
  with pytest.warns(UserWarning, match='what was subtracted of the inputs of w is '
                    r'\d+ times what remains, which is known to \d'):
    bases = unsc_jax.null_space_bases(everything - linear(forgotten), energy)
  projector = toys.projector(bases['w'])
  kept = np.linalg.norm(retained @ projector)**2 / np.linalg.norm(retained)**2
  assert kept <= 1 - energy + 1e-6  # of the true energy, in float64


def test_an_ordinary_subtraction_is_silent_and_right():
  retained, forgotten = normal(0, 40, 6) @ normal(1, 6, D), normal(2, 10, D)
  everything = linear(np.concatenate([retained, forgotten]))
  with warnings.catch_warnings():
    warnings.simplefilter('error')
    bases = unsc_jax.null_space_bases(
        everything - linear(forgotten), unsc_jax.threshold_rank(1e-5))
  assert bases['w'].rank == np.linalg.matrix_rank(retained) == 6


def places(p, x):
  """A table read alike by every batch, one read by data, and a product."""
  return (p['table'][x] + p['places'][jnp.arange(3)]) @ p['w']


PLACES = unsc_jax.input_moments(places)
_PARAMS = {'table': jnp.ones((7, 4)), 'places': jnp.ones((5, 4)), 'w': jnp.ones((4, 2))}
_pass = jax.jit(lambda x: PLACES(_PARAMS, x)[1])


def tokens(seed):
  return _pass(np.random.default_rng(seed).integers(0, 7, (2, 3)))


def test_nothing_left_is_refused_though_a_part_is_fixed():
  a = tokens(0)
  assert (a - a)['places'].second.tolist() == a['places'].second.tolist()
  with pytest.raises(ValueError, match='count no inputs, as when everything is subtracted'):
    unsc_jax.null_space_bases(a - a)


def equal(a, b):
  """Whole numbers throughout, so to the last bit; `gross` is no part of the group."""
  for m, n in zip(a, b, strict=True):
    for name in ('second', 'first', 'count'):
      np.testing.assert_array_equal(getattr(m, name), getattr(n, name), f'{m.site.path}.{name}')
    if m.fixed is not None:
      jax.tree.map(np.testing.assert_array_equal, m.fixed, n.fixed)


seeds = st.integers(0, 2**31)
positive = st.sampled_from([.5, 1., 2., 3])
numbers = st.sampled_from([-2., -1, -.5, .5, 1., 3.])


@hypothesis.settings(max_examples=25, deadline=None)
@hypothesis.given(seeds, seeds, seeds, positive, positive, numbers)
def test_laws_of_the_group(i, j, k, s, t, u):
  a, b, c = map(tokens, (i, j, k))
  equal(a + b, b + a)
  equal((a + b) + c, a + (b + c))
  equal(a - b, a + (-1) * b)
  equal(a - b - c, a - (b + c))
  equal(a - b - c, a - c - b)
  equal(u * (a + b), u * a + u * b)
  equal(s * (t * a), (s * t) * a)
  equal(s * a + t * a, (s + t) * a)
  equal(a * u, u * a)
  # What data gave comes and goes; what none reach is never taken away.
  for m, n, both in zip(a, b, a + b - b, strict=True):
    fixed = 0 if n.fixed is None else n.fixed[0]
    np.testing.assert_array_equal(both.second, m.second + fixed)


def test_rows_read_more_often_than_float32_counts_stay_kept():
  """2^24 + 1 is no float32: the one reading of retained data would be lost."""
  reads = lambda p, ids: p['table'][ids]
  of = lambda ids: unsc_jax.input_moments(reads)(
      {'table': jnp.ones((4, 2))}, jnp.array(ids))[1]
  one, gone = of([0, 1]), of([0, 2])
  many = 2.**24 * gone
  left = (many + one) - many  # rows 0 and 1 were read once, row 2 by what is gone
  assert left['table'].second.tolist() == [[0, 1, 0, 0]]
  free = unsc_jax.null_space_bases(left)['table'].vectors
  assert free.tolist() == [[0, 0, 0, 1]]  # row 2 may have been read
  some = 2.**20 * gone
  free = unsc_jax.null_space_bases(some + one - some)['table'].vectors
  assert free.tolist() == [[0, 0, 1, 1]]


def test_rows_read_less_often_than_never_are_refused():
  reads = unsc_jax.input_moments(lambda p, ids: p['table'][ids])
  a, b = (reads({'table': jnp.ones((4, 2))}, jnp.array(ids))[1] for ids in ([0, 1], [2]))
  with pytest.raises(ValueError, match='row 2 of table would have been read -1 times'):
    unsc_jax.null_space_bases(a - b)
