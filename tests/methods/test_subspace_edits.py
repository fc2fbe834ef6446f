"""Projections of weights against features in numpy; LOFT's subspace against brute force."""

import dataclasses
import itertools

import chex
import jax
import numpy as np
import pytest

from unsc_jax import methods
from unsc_jax import training
from unsc_jax.parts import stiefel

KEY = jax.random.key(0)


@pytest.mark.parametrize(('share', 'k'), [(.01, 1), (.4, 2)])
def test_esc_drops_the_leading_forget_directions(toy, ref, share, k):
  params = ref.params(toy)
  u = np.linalg.svd(ref.hidden(params, toy.forget.x).T)[0][:, k:]
  params['b']['kernel'] = u @ u.T @ params['b']['kernel']
  ref.assert_close(methods.esc(share)(toy, KEY).params, params, 1e-3)


def test_class_projection_of_every_layer(toy, ref):
  params = ref.params(toy)
  new = jax.tree.map(np.copy, params)

  def span(rows, alpha):
    u, s, _ = np.linalg.svd(np.asarray(rows, np.float64).T)
    s = np.pad(s, (0, len(u) - len(s)))**2
    s = s / s.sum()
    return u @ np.diag(alpha * s / ((alpha - 1) * s + 1)) @ u.T

  for name, read in (('a', lambda x: x), ('b', lambda x: ref.hidden(params, x))):
    retain, forget = span(read(toy.retain.x), 10.), span(read(toy.forget.x), 3.)
    P = np.eye(len(retain)) - (forget - forget @ retain)
    # The code's W P^T with W [out, in] is P W with W [in, out].
    new[name]['kernel'] = (params[name]['kernel'].T @ P.T).T
  done = methods.class_projection(10., 3.)(toy, KEY)
  ref.assert_close(done.params, new, 1e-3)


def value(u, retain, forget):
  lost = 1 - np.trace(u.T @ retain @ u) / np.trace(retain)
  return lost**2 + (np.trace(u.T @ forget @ u) / np.trace(forget))**2


def pair(seed, d):
  rng = np.random.default_rng(seed)
  a, b = rng.normal(size=(2, d, d)) * np.logspace(0, -2, d)
  q = np.linalg.qr(rng.normal(size=(d, d)))[0]
  return a @ a.T, q @ b @ b.T @ q.T


def test_terms_are_the_equation():
  retain, forget = pair(0, 6)
  u = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 2)))[0]
  t = stiefel.terms(u, retain, forget)
  np.testing.assert_allclose(float(t.value), value(u, retain, forget), rtol=1e-5)


@pytest.mark.parametrize('seed', range(4))
def test_polished_is_stationary_and_no_random_start_is_better(seed):
  d, s = 8, 3
  retain, forget = pair(seed, d)
  start = stiefel.start(retain, forget, s)
  u = stiefel.polish(start, retain, forget, 500)
  np.testing.assert_allclose(u.T @ u, np.eye(s), atol=1e-12)
  found = value(u, retain, forget)
  assert found <= value(start, retain, forget)
  rng = np.random.default_rng(seed)
  for _ in range(5):  # no weaker than descent from random subspaces
    other = np.linalg.qr(rng.normal(size=(d, s)))[0]
    other = stiefel.polish(other, retain, forget, 500)
    assert found <= value(other, retain, forget) + 1e-6
  for _ in range(20):  # and a small turn in any direction does not help
    turned = np.linalg.qr(u + 1e-3 * rng.normal(size=u.shape))[0]
    assert value(turned, retain, forget) > found - 1e-7


def test_diagonal_problem_is_no_worse_than_any_choice_of_axes():
  retain, forget = np.diag([5., 4., 3., 2., 1.]), np.diag([9., 0., 6., 1., 0.])
  u = stiefel.polish(stiefel.start(retain, forget, 2), retain, forget, 200)
  best = min(value(np.eye(5)[:, list(axes)], retain, forget)
             for axes in itertools.combinations(range(5), 2))
  assert value(u, retain, forget) <= best + 1e-9


@pytest.mark.parametrize('centred', [True, False])
def test_features_are_projected(toy, ref, centred):
  params = ref.params(toy)
  z_r, z_f = (ref.hidden(params, e.x) for e in (toy.retain, toy.forget))
  if centred:
    z_r, z_f = z_r - z_r.mean(0), z_f - z_f.mean(0)
  u = stiefel.start(z_r.T @ z_r, z_f.T @ z_f, 2)
  u = stiefel.polish(u, z_r.T @ z_r, z_f.T @ z_f, 200)
  x = toy.retain.x
  expected = ref.hidden(params, x) @ u @ u.T @ params['b']['kernel'] + (
      params['b']['bias'])
  for plugged in (False, True):
    done = methods.loft(2, centred=centred, plugged=plugged)(toy, KEY)
    found = training.predict(done.fn, done.params, x)
    np.testing.assert_allclose(found, expected, atol=2e-2)


def test_plugged_keeps_the_parameters(toy):
  done = methods.loft(2, plugged=True)(toy, KEY)
  chex.assert_trees_all_equal(done.params.params, toy.params)


def test_rank_has_to_be_smaller(toy):
  with pytest.raises(ValueError, match='reads 5 features'):
    methods.loft(5)(toy, KEY)


@pytest.mark.parametrize('silent', ['retained', 'forget'])
def test_features_that_are_all_zero_are_named(silent):
  moments = {'retained': np.eye(3), 'forget': np.eye(3)} | {silent: np.zeros((3, 3))}
  for ask in (lambda: stiefel.start(*moments.values(), 2),
              lambda: stiefel.polish(np.eye(3)[:, :2], *moments.values(), 2)):
    with pytest.raises(ValueError, match=f'of the {silent} examples are all zero'):
      ask()


def test_loft_says_that_the_forget_features_are_silent(toy):
  nothing = toy.forget.replace(x=np.zeros_like(toy.forget.x))
  params = {**toy.params, 'a': {**toy.params['a'], 'bias': -np.ones(5, np.float32)}}
  problem = dataclasses.replace(toy, forget=nothing, params=params)
  with pytest.raises(ValueError, match='the forget examples are all zero'):
    methods.loft(2)(problem, KEY)
