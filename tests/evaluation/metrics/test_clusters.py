"""Clusters against scikit-learn's scores and the list of all pairs."""

import itertools

import jax
import numpy as np
import pytest
from sklearn import cluster
from sklearn import metrics

from unsc_jax.evaluation.metrics import clusters

KEY = jax.random.key(0)


def _blobs(seed, apart, n=90, d=5):
  rng = np.random.default_rng(seed)
  y = rng.integers(0, 3, n)
  return apart * np.eye(3, d)[y] + rng.normal(size=(n, d)), y


def test_nmi_is_scikit_learns():
  rng = np.random.default_rng(0)
  for assigned, y in (rng.integers(0, 4, (2, 70)), np.zeros((2, 9), int),
                   np.array([[0, 0, 1, 1], [0, 0, 0, 0]])):
    np.testing.assert_allclose(
        clusters.normalized_mutual_information(
            metrics.cluster.contingency_matrix(assigned, y)),
        metrics.normalized_mutual_info_score(y, assigned), atol=1e-5)


@pytest.mark.parametrize('share', [1., 0.3])
def test_pairwise_f1_is_the_list_of_pairs(share):
  rng = np.random.default_rng(0)
  assigned, y = rng.integers(0, 3, (2, 40))
  forget = rng.uniform(size=40) <= share
  pairs = [(assigned[i] == assigned[j], y[i] == y[j])
           for i, j in itertools.combinations(range(40), 2)
           if forget[i] or forget[j]]
  guess, truth = np.array(pairs).T
  count = lambda rows: np.array(
      [[np.sum(rows & (assigned == k) & (y == c)) for c in range(3)]
       for k in range(3)])
  np.testing.assert_allclose(
      clusters.pairwise_f1(count(forget), count(~forget)),
      metrics.f1_score(truth, guess), rtol=1e-5)


def test_cluster_scores_are_k_means_and_its_scores():
  x, y = _blobs(0, 4.)
  assigned = cluster.KMeans(3, n_init=30, random_state=1).fit_predict(x)
  ours = clusters.cluster_scores(x, y + 10, KEY)
  np.testing.assert_allclose(
      ours.nmi.value, metrics.normalized_mutual_info_score(y, assigned), atol=1e-5)
  f1 = 2 * (m := metrics.cluster.pair_confusion_matrix(y, assigned))[1, 1] / (
      2 * m[1, 1] + m[0, 1] + m[1, 0])
  np.testing.assert_allclose(ours.f1.value, f1, rtol=1e-5)


def test_forget_pairs_show_a_class_that_lost_its_place():
  x, y = _blobs(0, 12.)
  forget = y == 0
  keeps = clusters.cluster_scores(x, y, KEY, forget=forget)
  rng = np.random.default_rng(1)
  scattered = x.copy()
  scattered[forget] = x[rng.choice(np.flatnonzero(~forget), forget.sum())]
  lost = clusters.cluster_scores(scattered, y, KEY, forget=forget)
  assert keeps.f1.low > 0.99
  assert lost.f1.high < 0.6
  assert lost.nmi.high < keeps.nmi.low
