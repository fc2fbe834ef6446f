"""Three ways of combining classes, against what the paper does with raw
activations: float64 numpy, SVDs of concatenated matrices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import toys
import unsc_jax
from unsc_jax import null_space

COMBINE = null_space.pooled(), null_space.merged(), null_space.sequential()  # at .99
D, HIDDEN = 14, 24
_W = np.random.default_rng(7).normal(size=(D, HIDDEN)) / D**.5
PARAMS = {'first': np.float32(_W),
          'second': np.zeros((HIDDEN, HIDDEN), np.float32)}


def _fn(params, x):
  return jnp.tanh(x @ params['first']) @ params['second']


def _classes(seed, sizes=(60, 90, 90, 60)):
  """Inputs [n, D] of classes that each live near a few directions."""
  rng = np.random.default_rng(seed)
  return [rng.normal(size=(n, D)) * .7**np.arange(D) @ rng.normal(size=(D, D))
          for n in sizes]


def _linear(params, x):
  return x @ params['first']


def _moments(classes, fn=_fn):
  for x in classes:
    yield toys.moments_of(fn, PARAMS, np.asarray(x, np.float32))


def _projector(basis):
  return toys.projector(basis, HIDDEN)


def _representations(classes):
  """Of every layer the matrices R_c [d, n] of its inputs, class by class."""
  w = np.asarray(PARAMS['first'], np.float64)
  return {'first': [x.T for x in classes],
          'second': [np.tanh(x @ w).T for x in classes]}


def _leading(matrix, energy, short=0):
  """The left singular vectors that carry the energy, and no more.

  As published it is one short: those before the one that reaches the energy.
  """
  u, s, _ = np.linalg.svd(matrix, full_matrices=False)
  running = np.cumsum(s**2)
  return u[:, :np.argmax(running >= energy * running[-1]) + 1 - short]


def _pooled(rs, energy, short=0):
  """One SVD of all activations."""
  return _leading(np.concatenate(rs, axis=1), energy, short)


def _merged(rs, class_energy, energy, short=0):
  """An SVD of the classes' bases."""
  return _leading(np.concatenate(
      [_leading(r, class_energy, short) for r in rs], axis=1), energy, short)


def _sequential(rs, energies, short=0):
  """GPM's update, adding directions until the energy is reached.

  Later classes reach it whatever the first one left out.
  """
  energies = np.broadcast_to(energies, len(rs))
  q = _leading(rs[0], energies[0], short)
  for r, energy in zip(rs[1:], energies[1:], strict=True):
    total = (r**2).sum()
    residual = r - q @ (q.T @ r)
    u, s, _ = np.linalg.svd(residual, full_matrices=False)
    carried, added = total - (residual**2).sum(), 0
    while carried < energy * total:
      carried += s[added]**2
      added += 1
    q = np.concatenate([q, u[:, :added]], axis=1)
  return q


def _check(bases, kept):
  """The bases' ranks and projectors are those of the spans q [d, k]."""
  for name, q in kept.items():
    basis, (d, k) = bases[name], q.shape
    assert basis.rank.tolist() == [k]
    assert 0 < k < d  # or there is nothing to compare
    np.testing.assert_allclose(_projector(basis), np.eye(d) - q @ q.T, atol=2e-3)


@pytest.mark.parametrize(('combine', 'expected', 'energies'), [
    *((null_space.pooled, _pooled, (energy,)) for energy in (.8, .99)),
    *((null_space.merged, _merged, (energy, .9)) for energy in (.8, .95)),
    *((null_space.sequential, _sequential, (energies,))
      for energies in (.8, .95, (.7, .75, .8, .9)))])
@pytest.mark.parametrize('seed', [0, 1])
def test_bases_are_those_of_singular_vectors(combine, expected, energies, seed):
  classes = _classes(seed)
  _check(combine(*energies)(_moments(classes)), {
      name: expected(rs, *energies) for name, rs in _representations(classes).items()})


@pytest.mark.parametrize('seed', [0, 1])
def test_published_ranks_stop_one_short(seed):
  all_classes, rule = _classes(seed), null_space.published_rank
  for combine, expected, classes in (
      (null_space.pooled(rule(.9)), lambda r: _pooled(r, .9, 1), all_classes),
      (null_space.merged(rule(.9), rule(.95)), lambda r: _merged(r, .9, .95, 1), all_classes),
      *((null_space.sequential(.9, published=True), lambda r: _sequential(r, .9, 1), some)
        for some in (all_classes[:1], all_classes))):
    _check(combine(_moments(classes)), {
        name: expected(rs) for name, rs in _representations(classes).items()})


def test_published_ranks_may_protect_nothing():
  one = [np.outer(np.arange(1., 9.), np.eye(D)[0])]
  rule = null_space.published_rank(.9)
  for combine in (null_space.pooled(rule), null_space.sequential(.9, published=True)):
    basis = combine(_moments(one, _linear))['first']
    assert basis.rank.item() == 0
    np.testing.assert_array_equal(_projector(basis), np.eye(D))
  assert null_space.pooled(.9)(_moments(one, _linear))['first'].rank.item() == 1


@pytest.mark.parametrize('solver', [unsc_jax.eigh, unsc_jax.eigh_float64])
def test_one_class_all_agree(solver):
  one = _classes(0)[:1]
  kept = {name: _leading(r, .95) for name, (r,) in _representations(one).items()}
  for combine in (null_space.pooled(null_space.hard(.95, solver=solver)),
                  null_space.merged(.95, .999, solver=solver),
                  null_space.sequential(.95, solver=solver)):
    _check(combine(_moments(one)), kept)


def test_orthogonal_classes_all_agree():
  q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(D, D)))
  spans = q[:, :3], q[:, 3:7], q[:, 7:9]
  # As many inputs as directions, all of one length: no direction is minor.
  classes = [np.concatenate([span.T] * 5) for span in spans]
  moments = list(_moments(classes, _linear))
  for combine in COMBINE:
    _check(combine(moments), {'first': q[:, :9]})


def test_a_small_class_weighs_less_when_pooled():
  """Which is why the three exist."""
  large, small = np.eye(D)[:2].repeat(500, 0), np.eye(D)[2:3].repeat(2, 0)
  moments = list(_moments((large, small), _linear))
  rank = lambda combine: combine(moments)['first'].rank.item()
  assert [*map(rank, COMBINE)] == [2, 3, 3]


def test_order_matters_only_to_sequential():
  classes = _classes(3)
  matters = lambda combine: np.abs(np.subtract(*(
      _projector(combine(_moments(order))['second'])
      for order in (classes, classes[::-1])))).max()
  assert matters(null_space.pooled(.9)) < 2e-3
  assert matters(null_space.merged(.9, .9)) < 2e-3
  assert matters(null_space.sequential((.6, .7, .8, .9))) > .02


def test_sequential_at_all_the_energy_stays_in_the_classes_span():
  """Rounding may not add once more what is held already."""
  combine = jax.jit(null_space.sequential(1.))
  for seed in range(10):
    rng = np.random.default_rng(seed)
    span, _ = np.linalg.qr(rng.normal(size=(D, 6)))
    classes = [rng.normal(size=(50, 4)) @ rng.normal(size=(4, 6)) @ span.T
               for _ in range(12)]
    basis = combine(list(_moments(classes, _linear)))['first']
    np.testing.assert_allclose(basis.eigenvalues[0, :6], 1, atol=1e-3)  # a projector's
    np.testing.assert_allclose(_projector(basis) @ span, 0, atol=1e-3)


def test_rows_that_any_class_reads_are_kept():
  fn, params = lambda params, ids: params['table'][ids], {'table': np.zeros((6, 2), np.float32)}
  moments = [toys.moments_of(fn, params, np.array(ids))
             for ids in ([0, 0, 1], [4, 4, 4], [1, 4, 1])]
  for combine in COMBINE:
    moved = np.asarray(toys.project(combine(moments)['table'], np.ones((6, 2), np.float32)))
    assert moved[:, 0].tolist() == [0, 0, 1, 1, 0, 1]


def test_bad_input_is_refused():
  for combine in COMBINE:
    with pytest.raises(ValueError, match='there is no class to protect'):
      combine(iter(()))
  for few in ((.9, .95), (.9,)):
    with pytest.raises(ValueError, match=f'energies were given for {len(few)} classes'):
      null_space.sequential(few)(_moments(_classes(0)))
  for bad in (lambda: null_space.sequential((.9, 1.5)), lambda: null_space.merged(0.),
              lambda: null_space.merged(.9, 2.), lambda: null_space.pooled(0.)):
    with pytest.raises(ValueError, match=r'energy is a share'):
      bad()


def test_what_does_not_combine_is_refused_before_anything_is_made():
  for slip in (null_space.soft(), null_space.soft, null_space.pooled, .9, 'pooled'):
    with pytest.raises(TypeError, match='combine takes null_space.pooled.* as filter='):
      null_space.chosen(slip, None, null_space.soft())
  for fine in COMBINE:
    assert null_space.chosen(fine, None, null_space.soft()) is fine
