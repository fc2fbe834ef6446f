"""The probe against scikit-learn, and what it means."""

import jax
import numpy as np
from sklearn import linear_model

from unsc_jax import problem
from unsc_jax.evaluation import probe


def _blobs(seed, centres, n=60, scale=.8):
  rng = np.random.default_rng(seed)
  x = np.concatenate([c + scale * rng.normal(size=(n, len(c))) for c in centres])
  y = np.repeat(np.arange(len(centres)), n)
  return problem.Examples(x.astype(np.float32), y)


def test_it_finds_what_logistic_regression_finds():
  centres = np.random.default_rng(0).normal(size=(4, 6)) * 1.2
  train, test = _blobs(1, centres), _blobs(2, centres)
  ours = probe.linear_probe(train, test, 4, jax.random.key(0), epochs=300)
  theirs = linear_model.LogisticRegression(max_iter=1000).fit(train.x, train.y)
  said = theirs.predict(test.x)
  want = [np.mean(said[test.y == c] == c) for c in range(4)]
  assert min(want) < .99  # the classes overlap, or anything would do
  np.testing.assert_allclose(ours.value, want, atol=.07)


def test_features_without_the_class_do_not_give_it_away():
  same = np.zeros((1, 5))
  centres = np.concatenate([same, same, same + 4])  # 0 and 1 are alike
  train, test = _blobs(1, centres, 500), _blobs(2, centres, 500)
  alike, also_alike, other = probe.linear_probe(train, test, 3, jax.random.key(0)).value
  assert abs(alike + also_alike - 1) < .15
  assert other > .95


def test_the_order_of_batches_hardly_matters():
  """With a rate that does not fall the last batches decide, and this fails."""
  centres = np.full((2, 20), 3.)  # like the features of a ReLU, far from zero
  centres[1] += .25
  train, test = _blobs(3, centres, 1500), _blobs(4, centres, 1500)
  of_seeds = [probe.linear_probe(train, test, 2, jax.random.key(seed)).value[0]
              for seed in range(4)]
  assert np.ptp(of_seeds) < .1
