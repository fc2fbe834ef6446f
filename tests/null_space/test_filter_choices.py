"""Which filters there are is data; bad ones and moments that are none are refused."""

import dataclasses
import functools
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests import toys
import unsc_jax
from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax import storage

soft = null_space.soft
TAU = 1e-2
X = toys.normal(2, 40, 16) * .7**np.arange(16, dtype=np.float32)[None]


def _dense(params, x):
  return x @ params['w']


def _moments(x):
  return toys.moments_of(_dense, {'w': np.zeros((x.shape[-1], 2), np.float32)}, x)


def test_bad_choices_are_refused():
  for bad in (0., -1., float('nan')):
    with pytest.raises(ValueError, match='tau has to be positive, not'):
      soft(bad)
    with pytest.raises(ValueError, match='tau of w has to be positive, not'):
      soft(per_path={'w': bad})
  with pytest.raises(ValueError, match="per_path names 'v', which has no moments"):
    soft(per_path={'v': .1})(_moments(X))
  with pytest.raises(ValueError, match='inputs that meet w are NaN or infinite'):
    soft()(_moments(np.where(X.max() - 1e-6 < X, np.nan, X)))
  with pytest.raises(ValueError, match='count no inputs'):
    soft()(_moments(X) - _moments(X))
  with pytest.raises(ValueError, match='energy is a share'):
    null_space.hard(2.)


@pytest.mark.parametrize('share', [.5, 2.])
def test_moments_that_are_none_are_refused(share):
  """A negative eigenvalue would amplify updates, or leave no filter at all."""
  moments = _moments(jnp.eye(12))
  for gone in moments:
    second = gone.second.at[0, 3, 3].set(-share * TAU * 12)
    bad = unsc_jax.Moments({'w': (dataclasses.replace(gone, second=second),)})
    with pytest.raises(ValueError, match='the moments of w have negative eigenvalues'):
      soft(TAU)(bad)


@pytest.mark.parametrize('call', [
    'hard(energy=0.9, per_path=(), solver=None)', 'pooled(filter=soft(tau=0.01))',
    "soft(tau=0.001, per_path=(('w', 0.1),), solver=None)"])
def test_choices_are_data(call):
  names = vars(null_space)
  choice, again = eval(call, names), eval(call, names)
  assert choice == again == eval(repr(choice), names)
  assert hash(choice) == hash(again)
  assert storage.describe(choice) == storage.describe(again)


def test_pooled_takes_a_filter_a_share_or_a_rule():
  rule = null_space.threshold_rank(1e-3)
  assert null_space.pooled().filter == null_space.hard(.99)
  assert null_space.pooled(.9).filter == null_space.hard(.9)
  assert null_space.pooled(rule).filter == null_space.hard(rule)
  halves = _moments(X[:20]), _moments(X[20:])
  np.testing.assert_allclose(
      null_space.pooled(soft(TAU))(halves)['w'].matrix,
      soft(TAU)(_moments(X))['w'].matrix, atol=1e-5)


def test_choices_are_told_by_what_they_hold():
  for choice in (soft, null_space.hard):
    one, other = choice(per_path={'a': .1, 'b': .2}), choice(per_path={'b': .2, 'a': .1})
    assert one == other
    assert hash(one) == hash(other)
  butterworth = null_space.butterworth
  assert (null_space.spectral(butterworth(), per_path={'a': butterworth(.1), 'b': butterworth()})
          == null_space.spectral(
              butterworth(), per_path={'b': butterworth(), 'a': butterworth(.1)}))
  half = jnp.array(.5)
  for choice in (null_space.hard(half), null_space.hard(per_path={'w': half}),
                 null_space.hard(null_space.energy_rank(half)), null_space.merged(half),
                 null_space.threshold_rank(half), null_space.soft_beyond(half)):
    assert hash(choice) == hash(dataclasses.replace(choice))
  assert null_space.hard(half) == null_space.hard(.5)


@pytest.mark.parametrize('solver', [null_space.inverse, null_space.inverse_float64])
def test_choices_travel_to_other_processes(solver):
  choice = soft(.1, per_path={'w': 2.}, solver=solver)
  assert pickle.loads(pickle.dumps(choice)) == choice


@pytest.mark.parametrize(('make', 'tell'), [
    (lambda: soft('1e-3'), "tau is one number, not '1e-3'; such as 1e-3"),
    (lambda: soft(None), 'tau is one number, not None; such as 1e-3'),
    (lambda: null_space.butterworth(order=None), 'order is one number, .* such as 2'),
    (lambda: soft(10**400), 'tau is one number, not one beyond all floats'),
    (lambda: soft(1e-46), 'tau has to be positive, not 1e-46, which float32'),
    (lambda: null_space.hard(per_path={'w': -1}), 'energy is a share')])
def test_numbers_are_told_from_others(make, tell):
  with pytest.raises(ValueError, match=tell):
    make()


@pytest.mark.parametrize('make', [
    soft, null_space.butterworth, null_space.kronecker, null_space.soft_beyond,
    null_space.hard, null_space.threshold_rank])
def test_numbers_are_not_traced(make):
  def fn(number):
    make(number)
    return number

  with pytest.raises(TypeError, match='is a number of the choice itself and cannot be traced'):
    jax.jit(fn)(.1)


# What is taken for a filter.
SLIPS = {
    soft: 'this is the class soft; call it',
    null_space.two_sided: 'this is the class two_sided; call it',
    null_space.butterworth(): 'this is a butterworth; give a response to `spectral`',
    null_space.soft_beyond(): 'this is a soft_beyond; give a response to `spectral`',
}


@pytest.mark.parametrize('take', [
    null_space.pooled, null_space.two_sided, lambda filter: methods.unsc(filter=filter),
    functools.partial(null_space.null_space_bases, _moments(X))])
def test_what_is_no_filter_is_refused_at_once(take):
  for slip, tell in SLIPS.items():
    with pytest.raises(TypeError, match=tell):
      take(slip)


def test_filters_gains_and_responses_are_told_apart():
  moments = _moments(X)
  gains = soft()(moments)
  for make, tell in (
      (lambda: methods.unsc(filter=gains), 'what one gave, Gains; give it as combine='),
      (lambda: null_space.null_space_bases(moments, soft()), 'this is a soft; call it on moments'),
      *((lambda bad=bad: null_space.spectral(bad), 'spectral takes a response, .* this is')
        for bad in (.9, soft(), null_space.butterworth, null_space.threshold_rank())),
      (lambda: storage.moments.save('unused.npz', soft()), 'are stored, not a soft'),
      *((lambda bad=bad: soft(solver=bad)(moments), 'gives the inverses of matrices, and this is')
        for bad in (null_space.eigh, 'inverse'))):
    with pytest.raises(TypeError, match=tell):
      make()
  # A function tells by what it gives.
  with pytest.raises(ValueError, match='the rank of each of 1 layers, not an array of shape'):
    null_space.hard(lambda shares: shares < .5)(moments)
  with pytest.raises(ValueError, match='a response says how much of each direction passes'):
    null_space.spectral(lambda shares: (shares < .5).sum(-1))(moments)


def test_both_sides_are_told_apart():
  inputs = _moments(X)
  outputs = unsc_jax.Moments({'w': tuple(
      dataclasses.replace(moment, site=moment.site._replace(kind='output'))
      for moment in inputs)})
  for choice in (null_space.two_sided(), null_space.kronecker()):
    for given in ((inputs, inputs), (outputs, inputs), (outputs, outputs)):
      with pytest.raises(ValueError, match='the moments of w are none of its (in|out)puts'):
        choice(*given)
    with pytest.raises(ValueError, match='needs the moments of outputs too'):
      choice(inputs, {'w': X})
  assert null_space.two_sided(.9, .5) == null_space.two_sided(
      null_space.hard(.9), null_space.hard(.5))
