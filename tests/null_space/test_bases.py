"""Ranks, and the projectors they lead to, against numpy in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import toys
import unsc_jax

D = 16


def _inputs(seed, rows=200, d=D, decay=.75):
  """Rows [n, d] whose second moment has a decaying spectrum, rotated."""
  rng = np.random.default_rng(seed)
  rotation, _ = np.linalg.qr(rng.normal(size=(d, d)))
  return (rng.normal(size=(rows, d)) * decay**np.arange(d)) @ rotation.T


def _moments(*layers):
  """Moments of layers 'w0', 'w1' ... that read the given rows [n, d]."""
  fn = lambda params, xs: [x @ params[f'w{i}'] for i, x in enumerate(xs)]
  params = {f'w{i}': np.zeros((x.shape[-1],) * 2, np.float32) for i, x in enumerate(layers)}
  return toys.moments_of(fn, params, [np.asarray(x, np.float32) for x in layers])


def _stacked(x):
  """Moments of layers that share a parameter, with inputs [B, n, d]."""
  fn = lambda params, x: jnp.einsum('bni,bio->bno', x, params['w'])
  params = {'w': np.zeros((len(x), x.shape[-1], x.shape[-1]), np.float32)}
  return toys.moments_of(fn, params, np.asarray(x, np.float32))


def _values(x):
  """The eigenvalues of x^T x, largest first."""
  return np.linalg.eigvalsh(x.T @ x)[::-1]


def _numpy_rank(values, energy):
  """The first k whose eigenvalues sum to the energy."""
  running = np.cumsum(np.maximum(values, 0))
  return int(np.argmax(running >= energy * running[-1])) + 1


def _numpy_projector(x, rank):
  """[d, d] onto what all but the leading eigenvectors of x^T x span."""
  _, vectors = np.linalg.eigh(np.asarray(x, np.float64).T @ x)
  kept = vectors[:, ::-1][:, :rank]
  return np.eye(len(kept)) - kept @ kept.T


@pytest.mark.parametrize('energy', [.3, .9, .99, .9999])
def test_energy_rank_is_the_first_that_suffices(energy):
  rng = np.random.default_rng(0)
  values = -np.sort(-rng.uniform(size=(50, 12))**4, axis=1)
  ranks = unsc_jax.energy_rank(energy)(jnp.asarray(values, jnp.float32))
  assert ranks.tolist() == [_numpy_rank(row, energy) for row in values]


def test_energy_rank_at_its_ends():
  for energy, values, rank in (
      (1., [3, 2, 1, 0, 0], 3), (1., [1] * 7, 7), (.99, [0, 0, 0], 1),
      (.5, [1, 1], 1),  # exactly enough
      (.1, [100, 1, 1], 1),  # the published rule gives 0
      (.9, [10, 1, -1e-6], 1)):  # rounding makes a zero negative
    assert unsc_jax.energy_rank(energy)(jnp.asarray(values, jnp.float32)) == rank


def test_threshold_rank_counts_what_exceeds_the_share():
  rng = np.random.default_rng(1)
  values = -np.sort(-10.**rng.uniform(-9, 2, size=(50, 12)), axis=1)
  for share in (1e-6, 1e-3, .5):
    ranks = unsc_jax.threshold_rank(share)(jnp.asarray(values, jnp.float32))
    assert ranks.tolist() == (values > share * values[:, :1]).sum(1).tolist()
  assert unsc_jax.threshold_rank()(jnp.zeros(3)).item() == 1


@pytest.mark.parametrize('energy', [.5, .99, .999])
@pytest.mark.filterwarnings('error')  # of nothing, as there is room
def test_projector_and_what_is_stored(energy):
  """And the projector is the same inside `jit`."""
  x = _inputs(0)
  moments = _moments(x)
  basis = unsc_jax.null_space_bases(moments, energy)['w0']
  values = _values(x)
  rank = _numpy_rank(values, energy)
  assert basis.rank.tolist() == [rank]
  values /= len(x)
  np.testing.assert_allclose(
      np.asarray(basis.eigenvalues)[0], values, rtol=1e-4, atol=1e-6 * values[0])
  np.testing.assert_allclose(
      toys.projector(basis), _numpy_projector(x, rank), atol=1e-3)
  assert basis.vectors.shape == (1, D, min(rank, D - rank))  # the smaller
  assert basis.free == (D - rank < rank)
  vectors = np.asarray(basis.vectors)[0]
  gram = vectors.T @ vectors
  np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-5)
  jitted = jax.jit(lambda m: unsc_jax.null_space_bases(m, energy))(moments)['w0']
  assert jitted.rank.tolist() == [rank]
  np.testing.assert_allclose(toys.projector(jitted), toys.projector(basis), atol=1e-5)


@pytest.mark.parametrize('solver', [unsc_jax.eigh, unsc_jax.eigh_float64])
@pytest.mark.parametrize('energy', [.8, .98])
def test_layers_of_one_parameter_have_their_own_ranks(energy, solver):
  decays = (.2, .6, .9)
  x = np.stack([_inputs(i, decay=decay) for i, decay in enumerate(decays)])
  basis = unsc_jax.null_space_bases(_stacked(x), energy, solver=solver)['w']
  ranks = [_numpy_rank(_values(one), energy) for one in x]
  assert basis.rank.tolist() == ranks
  assert len(set(ranks)) == 3
  projected = np.asarray(toys.project(
      basis, np.broadcast_to(np.eye(D, dtype=np.float32), (3, D, D))))
  for got, one, rank in zip(projected, x, ranks):
    np.testing.assert_allclose(got, _numpy_projector(one, rank), atol=1e-3)
  assert basis.vectors.shape[-1] == min(max(ranks), D - min(ranks))


def test_float64_solver_sees_below_the_noise_of_float32():
  # A moment that is exact in float32: eigenvalues 6e7, three of about 10, two zeros.
  x = np.full((1024, 6), 100.)
  for j in range(3):
    x[j * 10:(j + 1) * 10, j] += 1
  moments = _moments(x)
  exact = np.linalg.svd(x, compute_uv=False)**2 / len(x)
  assert 1e-9 < exact[3] / exact[0] < 1e-6
  values, vectors = unsc_jax.eigh_float64(moments['w0'].mean_square)
  np.testing.assert_allclose(values[0, :4], exact[:4], rtol=1e-5)
  assert values.dtype == vectors.dtype == jnp.float32
  rough, _ = unsc_jax.eigh(moments['w0'].mean_square)
  assert abs(rough[0, 3] / exact[3] - 1) > .01

  rule = unsc_jax.threshold_rank(1e-9)
  basis = unsc_jax.null_space_bases(
      moments, rule, solver=unsc_jax.eigh_float64)['w0']
  assert basis.rank.tolist() == [np.linalg.matrix_rank(x)] == [4]
  null = np.linalg.svd(x)[2][4:]
  np.testing.assert_allclose(toys.projector(basis), null.T @ null, atol=1e-5)


@pytest.mark.parametrize('rank', [10, pytest.param(80, marks=pytest.mark.slow), 150])
def test_little_leaks_of_an_update_that_lies_almost_in_the_kept_span(rank):
  rng = np.random.default_rng(rank)
  kept, _ = np.linalg.qr(rng.normal(size=(160, rank)))
  moments = _moments(rng.normal(size=(320, rank)) @ kept.T)
  inside, outside = kept @ rng.normal(size=(rank, 160)), rng.normal(size=(160, 160))
  take = lambda m: unsc_jax.null_space_bases(m, unsc_jax.threshold_rank(1e-5))
  for bases in (take(moments), jax.jit(take)(moments)):
    for scale in (1., 1e-2, 1e-4, 0.):
      update = np.float32(inside + scale * outside)
      out = np.asarray(toys.project(bases['w0'], update), np.float64)
      assert np.linalg.norm(kept.T @ out) <= 1e-5 * np.linalg.norm(out)


def test_per_path_overrides():
  x, y = _inputs(0), _inputs(1)
  bases = unsc_jax.null_space_bases(
      _moments(x, y, y), .9,
      per_path={'w1': .999, 'w2': unsc_jax.threshold_rank(1e-2)})
  rank = lambda name: bases[name].rank.item()
  values = _values(y)
  assert rank('w0') == _numpy_rank(_values(x), .9)
  assert rank('w1') == _numpy_rank(values, .999)
  assert rank('w2') == (values > 1e-2 * values[0]).sum()


def test_rows_of_a_table_are_kept_if_read():
  fn = lambda params, ids: params['table'][ids]
  moments = toys.moments_of(
      fn, {'table': np.zeros((6, 3), np.float32)}, np.array([[1, 4], [1, 2]]))
  basis = unsc_jax.null_space_bases(moments, .5)['table']
  moved = np.asarray(toys.project(basis, np.ones((6, 3), np.float32)))
  np.testing.assert_array_equal(moved[:, 0], [1, 0, 0, 1, 0, 1])
  assert basis.rank.tolist() == [3]


def test_full_layer_is_named_and_cannot_move():
  moments = _moments(toys.normal(0, 50, D), _inputs(0))
  with pytest.warns(UserWarning, match=f'w0 has no free direction left: 0 of {D}'
                    ' are free') as caught:
    bases = unsc_jax.null_space_bases(moments, .999)
  assert len(caught) == 1  # w1 has room
  assert caught[0].filename == __file__
  update = toys.normal(1, D, D)
  assert not np.any(toys.project(bases['w0'], update))
  jitted = jax.jit(lambda m: unsc_jax.null_space_bases(m, .999))(moments)
  assert not np.any(toys.project(jitted['w0'], update))  # no rounding either


def test_full_groups_are_counted():
  x = toys.normal(0, 3, 50, 2)
  x[1, :, 1] = 0
  with pytest.warns(UserWarning, match='in 2 of its 3 layers'):
    unsc_jax.null_space_bases(_stacked(x), .999)


@pytest.mark.not_under('JAX_DEBUG_NANS', 'feeds NaN')
def test_bad_input_is_refused():
  moments = _moments(_inputs(0))
  take = unsc_jax.null_space_bases
  with pytest.raises(ValueError, match="per_path names 'w', which has no moments; "
                     'choose among w0'):
    take(moments, per_path={'w': .9})
  for bad in (0., -1., 1.5, float('nan')):
    with pytest.raises(ValueError, match=r'energy is a share .* in \(0, 1\]'):
      take(moments, bad)
  for bad in (-1., 1., float('nan')):
    with pytest.raises(ValueError, match=r'share of the largest .* in \[0, 1\)'):
      unsc_jax.threshold_rank(bad)
  for bad in (np.nan, np.inf):
    x = _inputs(0)
    x[3, 4] = bad
    with pytest.raises(ValueError, match='inputs that meet w1 are NaN or infinite'):
      take(_moments(_inputs(0), x))
  with pytest.raises(ValueError, match='count no inputs'):
    take(moments - moments)
  with pytest.raises(ValueError, match='no moments: none of the parameters'):
    take(unsc_jax.Moments({}))
  with pytest.raises(TypeError, match='runs on the host'):
    jax.jit(lambda m: take(m, solver=unsc_jax.eigh_float64))(moments)
