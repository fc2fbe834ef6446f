"""Dampening, projecting and pruning of weights against numpy."""

import jax
import numpy as np
import optax
import pytest

from unsc_jax import methods

KEY = jax.random.key(0)


@pytest.mark.parametrize('group', [1, 5])
def test_dampens_by_the_ratio_of_importances(toy, ref, group):
  params = ref.params(toy)

  def squares(examples):
    each = np.stack([ref.flat(g) for g in ref.each(params, examples)])
    return np.square(each.reshape(-1, group, each.shape[1]).mean(1))

  f, r = squares(toy.forget), squares(toy.retain)
  everything, forget = np.concatenate([f, r]).mean(0), f.mean(0)
  w = ref.flat(params)
  chosen = forget > 1.2 * everything
  assert .1 < chosen.mean() < .9
  expected = np.where(chosen, w * np.minimum(
      1, .8 * everything / np.where(chosen, forget, 1)), w)
  done = methods.ssd(1.2, .8, group=group, batch_size=10)(toy, KEY)
  np.testing.assert_allclose(ref.flat(done.params), expected, atol=1e-4)


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


def test_drops_what_the_retained_do_not_call_for(toy, ref):
  params = ref.params(toy)
  share = .8  # less would leave a unit at nought, where relu has no gradient
  score = np.abs(sum(map(ref.flat, ref.each(params, toy.retain))))
  kept = score >= np.sort(score)[-int(share * score.size)]
  start = ref.unflat(kept * ref.flat(params), params)
  assert (np.abs(start['a']['kernel']).sum(0) > 0).all()
  # Dropped weights are free again: the step is not masked.
  loss = lambda p: ref.cross_entropy(p, toy.retain)
  method = methods.retention_masking(
      optax.sgd(.1), share=share, steps=1, batch_size=20)
  ref.assert_close(
      method(toy, KEY).params, ref.descend(start, .1, loss))
