"""Features: scikit-learn, Gram matrices and an SVD as other witnesses."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import linalg
from sklearn import cluster
from sklearn import metrics

from unsc_jax.evaluation.metrics import clusters as clusters_lib
from unsc_jax.evaluation.metrics import representation

KEY = jax.random.key(0)


def _table(found, labels):
  return metrics.cluster.contingency_matrix(found, labels).T.T


def _blobs(seed, apart, n=90, d=5):
  rng = np.random.default_rng(seed)
  y = rng.integers(0, 3, n)
  return apart * np.eye(3, d)[y] + rng.normal(size=(n, d)), y


def test_nmi_is_scikit_learns():
  rng = np.random.default_rng(0)
  for found, y in (rng.integers(0, 4, (2, 70)), np.zeros((2, 9), int),
                   np.array([[0, 0, 1, 1], [0, 0, 0, 0]])):
    np.testing.assert_allclose(
        clusters_lib.normalized_mutual_information(_table(found, y)),
        metrics.normalized_mutual_info_score(y, found), atol=1e-5)


@pytest.mark.parametrize('share', [1., 0.3])
def test_pairwise_f1_is_the_list_of_pairs(share):
  rng = np.random.default_rng(0)
  found, y = rng.integers(0, 3, (2, 40))
  forget = rng.uniform(size=40) <= share
  pairs = [(found[i] == found[j], y[i] == y[j])
           for i, j in itertools.combinations(range(40), 2)
           if forget[i] or forget[j]]
  guess, truth = np.array(pairs).T
  count = lambda rows: np.array(
      [[np.sum(rows & (found == k) & (y == c)) for c in range(3)]
       for k in range(3)])
  np.testing.assert_allclose(
      clusters_lib.pairwise_f1(count(forget), count(~forget)),
      metrics.f1_score(truth, guess), rtol=1e-5)


def test_cluster_scores_are_k_means_and_its_scores():
  x, y = _blobs(0, 4.)
  found = cluster.KMeans(3, n_init=30, random_state=1).fit_predict(x)
  ours = clusters_lib.cluster_scores(x, y + 10, KEY)
  np.testing.assert_allclose(ours.nmi,
                             metrics.normalized_mutual_info_score(y, found),
                             atol=1e-5)
  f1 = 2 * (m := metrics.cluster.pair_confusion_matrix(y, found))[1, 1] / (
      2 * m[1, 1] + m[0, 1] + m[1, 0])
  np.testing.assert_allclose(ours.f1, f1, rtol=1e-5)


def test_forget_pairs_show_a_class_that_lost_its_place():
  x, y = _blobs(0, 12.)
  forget = y == 0
  keeps = clusters_lib.cluster_scores(x, y, KEY, forget=forget)
  rng = np.random.default_rng(1)
  scattered = x.copy()
  scattered[forget] = x[rng.choice(np.flatnonzero(~forget), forget.sum())]
  lost = clusters_lib.cluster_scores(scattered, y, KEY, forget=forget)
  assert keeps.f1 > 0.99
  assert lost.f1 < 0.6
  assert lost.nmi < keeps.nmi


def test_cka_is_the_gram_matrix_form():
  rng = np.random.default_rng(0)
  x, y = rng.normal(size=(50, 6)), rng.normal(size=(50, 9)) + 3
  y[:, :6] += x
  centre = np.eye(50) - 1 / 50
  k, l = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
  truth = np.sum(k * l) / np.sqrt(np.sum(k * k) * np.sum(l * l))
  np.testing.assert_allclose(representation.linear_cka(x, y), truth, rtol=1e-4)


def test_cka_ignores_rotation_scale_and_shift_only():
  rng = np.random.default_rng(0)
  x = rng.normal(size=(80, 6))
  turned = 1e4 * x @ linalg.qr(rng.normal(size=(6, 6)))[0] + 5
  np.testing.assert_allclose(representation.linear_cka(x, turned), 1, atol=1e-4)
  assert representation.linear_cka(x, rng.normal(size=(80, 6))) < 0.3


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
  np.testing.assert_allclose(
      representation.dimensional_alignment(retain, forget, **options),
      _slow_alignment(retain, forget, **options), rtol=1e-4)


def test_alignment_tells_a_class_with_a_direction_of_its_own():
  rng = np.random.default_rng(0)
  retain = np.abs(rng.normal(size=(300, 10))) * (np.arange(10) < 9)
  retain += 0.01 * rng.normal(size=(300, 10))
  knows = 0.1 * retain[:50] + 2 * np.eye(10)[9]
  retrained = retain[50:100]
  align = representation.dimensional_alignment
  for form in range(3):
    assert align(retain, retrained)[form] > 0.95
    assert align(retain, knows)[form] < 0.6
  collapsed = align(0 * retain + np.eye(10)[0], knows * 0 + np.eye(10)[0])
  assert collapsed.energy > 0.999
  assert collapsed.retain_rank == 1


def test_per_sample_form_ignores_norms_and_zero_features():
  rng = np.random.default_rng(0)
  retain, forget = rng.normal(size=(90, 6)), rng.normal(size=(30, 6))
  align = lambda z: representation.dimensional_alignment(retain, z, rank=2)
  scaled = forget * rng.uniform(0.1, 10, (30, 1))
  np.testing.assert_allclose(align(forget).sample, align(scaled).sample,
                             rtol=1e-4)
  assert abs(align(forget).energy - align(scaled).energy) > 1e-3
  padded = np.concatenate([forget, np.zeros((5, 6))])
  np.testing.assert_allclose(align(padded).sample, align(forget).sample,
                             rtol=1e-4)


def test_features_trace():
  rng = np.random.default_rng(0)
  x, y = map(jnp.asarray, rng.normal(size=(2, 40, 5)))
  for f in (representation.linear_cka, representation.dimensional_alignment):
    np.testing.assert_allclose(jax.jit(f)(x, y), f(x, y), rtol=1e-4)


GOOD = np.arange(12.).reshape(4, 3)


@pytest.mark.parametrize(('call', 'words'), [
    (lambda: representation.linear_cka(GOOD, GOOD[:2]), 'same examples'),
    (lambda: representation.linear_cka(0 * GOOD + 1, GOOD), 'collapsed'),
    (lambda: representation.linear_cka(GOOD * np.nan, GOOD), 'NaN'),
    (lambda: representation.dimensional_alignment(GOOD, GOOD[:, :2]),
     'one layer'),
    (lambda: representation.dimensional_alignment(GOOD, GOOD, rank=4), '1..3'),
    (lambda: representation.dimensional_alignment(GOOD, GOOD, energy=99),
     'energy is 99'),
    (lambda: representation.dimensional_alignment(GOOD, 0 * GOOD),
     'forget features are zero'),
    (lambda: clusters_lib.cluster_scores(GOOD, [1, 2], KEY), r'array \[4\]'),
    (lambda: clusters_lib.cluster_scores(GOOD, [1] * 4, KEY, clusters=5),
     'clusters is 5'),
    (lambda: clusters_lib.cluster_scores(GOOD[:0], [], KEY), 'empty'),
])
def test_bad_input_is_named(call, words):
  with pytest.raises(ValueError, match=words):
    call()
