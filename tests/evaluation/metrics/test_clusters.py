"""Clusters against scikit-learn's scores and the list of all pairs."""

import itertools

import jax
import numpy as np
import pytest
from sklearn import cluster
from sklearn import metrics

from tests.evaluation import draws
from unsc_jax.evaluation.metrics import clusters

KEY = jax.random.key(0)


def test_nmi_is_scikit_learns():
  rng = np.random.default_rng(0)
  for assigned, y in (rng.integers(0, 4, (2, 70)), np.zeros((2, 9), int),
                      np.array([[0, 0, 1, 1], [0, 0, 0, 0]])):
    table = metrics.cluster.contingency_matrix(assigned, y)
    np.testing.assert_allclose(clusters.normalized_mutual_information(table),
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
  count = lambda rows: np.histogram2d(
      assigned[rows], y[rows], bins=3, range=[[0, 3]] * 2)[0]
  np.testing.assert_allclose(clusters.pairwise_f1(count(forget), count(~forget)),
                             metrics.f1_score(truth, guess), rtol=1e-5)


def test_cluster_scores_are_k_means_and_its_scores():
  x, y = draws.blobs(0, 90, 4., classes=3, d=5)
  assigned = cluster.KMeans(3, n_init=30, random_state=1).fit_predict(x)
  ours = clusters.cluster_scores(x, y + 10, KEY)
  np.testing.assert_allclose(
      ours.nmi.value, metrics.normalized_mutual_info_score(y, assigned), atol=1e-5)
  m = metrics.cluster.pair_confusion_matrix(y, assigned)
  f1 = 2 * m[1, 1] / (2 * m[1, 1] + m[0, 1] + m[1, 0])
  np.testing.assert_allclose(ours.f1.value, f1, rtol=1e-5)


def test_forget_pairs_show_a_class_that_lost_its_place():
  x, y = draws.blobs(0, 90, 12., classes=3, d=5)
  forget = y == 0
  keeps = clusters.cluster_scores(x, y, KEY, forget=forget)
  rng = np.random.default_rng(1)
  scattered = x.copy()
  scattered[forget] = x[rng.choice(np.flatnonzero(~forget), forget.sum())]
  lost = clusters.cluster_scores(scattered, y, KEY, forget=forget)
  assert keeps.f1.low > 0.99
  assert lost.f1.high < 0.6
  assert lost.nmi.high < keeps.nmi.low


@pytest.mark.parametrize('size', [1e-25, 1e25])
def test_clusters_do_not_depend_on_the_size_of_the_features(size):
  x, y = draws.blobs(0, 90, 12., classes=3, d=5)
  assigned = clusters.k_means(np.float32(size) * x.astype(np.float32), 3, KEY)
  assert metrics.normalized_mutual_info_score(y, assigned) == pytest.approx(1)


def test_forget_may_be_zeros_and_ones():
  assigned, y = np.random.default_rng(0).integers(0, 3, (2, 40))
  marked = (y == 1).tolist()
  boolean, whole = (clusters.assignment_scores(assigned.tolist(), y, forget)
                    for forget in (np.array(marked), np.array(marked, int)))
  assert boolean.f1.value == whole.f1.value
