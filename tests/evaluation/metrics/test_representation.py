"""Features: Gram matrices and an SVD as other witnesses."""

import numpy as np
import pytest
from scipy import linalg

from unsc_jax.evaluation.metrics import representation


def test_cka_is_the_gram_matrix_form():
  rng = np.random.default_rng(0)
  x, y = rng.normal(size=(50, 6)), rng.normal(size=(50, 9)) + 3
  y[:, :6] += x
  centre = np.eye(50) - 1 / 50
  k, l = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
  truth = np.sum(k * l) / np.sqrt(np.sum(k * k) * np.sum(l * l))
  np.testing.assert_allclose(representation.linear_cka(x, y).value, truth, rtol=1e-4)


def test_cka_ignores_rotation_scale_and_shift_only():
  rng = np.random.default_rng(0)
  x = rng.normal(size=(80, 6))
  turned = 1e4 * x @ linalg.qr(rng.normal(size=(6, 6)))[0] + 5
  np.testing.assert_allclose(representation.linear_cka(x, turned), 1, atol=1e-4)
  assert representation.linear_cka(x, rng.normal(size=(80, 6))).high < 0.3


def _slow_alignment(retain, forget, energy=None, rank=None):
  """By singular vectors and scipy's principal angles, in float64."""
  def leading(z):
    _, s, vt = np.linalg.svd(z.astype(np.float64), full_matrices=False)
    share = np.cumsum(s**2) / np.sum(s**2)
    k = rank or int(np.argmax(share >= energy)) + 1
    return vt[:k].T
  v, v_f = leading(retain), leading(forget)
  inside = np.sum((forget @ v)**2, axis=1)
  total = np.sum(forget**2, axis=1)
  angles = linalg.subspace_angles(v, v_f)
  return (inside.sum() / total.sum(), np.mean(inside / total),
          np.mean(np.cos(angles)**2), v.shape[1], v_f.shape[1])


@pytest.mark.parametrize('options', [
    {'energy': 0.9}, {'energy': 0.5}, {'rank': 3}])
def test_alignment_is_the_svds(options):
  rng = np.random.default_rng(0)
  mix = rng.normal(size=(8, 8)) * np.linspace(3, 0.1, 8)
  retain = (rng.normal(size=(200, 8)) @ mix).astype(np.float32)
  forget = (rng.normal(size=(60, 8)) * [1, 0, 0, 0, 1, 1, 0, 2]).astype('f')
  *forms, k, k_f = representation.dimensional_alignment(retain, forget, **options)
  np.testing.assert_allclose(
      [*(form.value for form in forms), k, k_f],
      _slow_alignment(retain, forget, **options), rtol=1e-4)


def test_alignment_tells_a_class_with_a_direction_of_its_own():
  rng = np.random.default_rng(0)
  retain = np.abs(rng.normal(size=(200, 8))) * (np.arange(8) < 7)
  retain += 0.01 * rng.normal(size=(200, 8))
  knows = 0.1 * retain[:60] + 2 * np.eye(8)[7]
  retrained = retain[60:120]
  align = representation.dimensional_alignment
  for form in range(3):
    assert align(retain, retrained)[form].value > 0.95
    assert align(retain, knows)[form].value < 0.6
  collapsed = align(0 * retain + np.eye(8)[0], knows * 0 + np.eye(8)[0])
  assert collapsed.energy.value > 0.999
  assert collapsed.retain_rank == 1


def test_per_sample_form_ignores_norms_and_zero_features():
  rng = np.random.default_rng(0)
  retain, forget = rng.normal(size=(200, 8)), rng.normal(size=(55, 8))
  scaled = forget * rng.uniform(0.1, 10, (55, 1))
  padded = np.concatenate([forget, np.zeros((5, 8))])
  mine, *others = (representation.dimensional_alignment(retain, z, rank=3)
                   for z in (forget, scaled, padded))
  for other in others:
    np.testing.assert_allclose(mine.sample.value, other.sample.value, rtol=1e-4)
  assert abs(mine.energy.value - others[0].energy.value) > 1e-3


@pytest.mark.parametrize('size', [1e-25, 1e25])
def test_features_of_any_size_have_the_svds_alignment(size):
  """Squares of neither 1e-25 nor 1e25 are float32s; nor are those of one small example."""
  rng = np.random.default_rng(0)
  retain = (rng.normal(size=(80, 6)) * np.linspace(3, .1, 6)).astype(np.float32)
  forget = (rng.normal(size=(60, 6)) * [1, 0, 0, 2, 1, 1]).astype(np.float32)
  forget[::5] *= np.float32(1e-12)
  retain, forget = (np.float32(size) * z for z in (retain, forget))
  *forms, k, k_f = representation.dimensional_alignment(retain, forget, energy=.9)
  truth = _slow_alignment(*(z.astype(np.float64) for z in (retain, forget)), energy=.9)
  np.testing.assert_allclose([*(form.value for form in forms), k, k_f], truth, rtol=1e-4)
  assert np.isfinite(forms).all()
