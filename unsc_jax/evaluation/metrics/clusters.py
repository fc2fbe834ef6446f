"""What clusters of features find of classes, without any label.

`N` examples, `d` features, `K` clusters, `C` classes. As for everything in
features, good is what a retrained model's give (see `representation`).
"""

import math
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax.evaluation.metrics import checks
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import precision
from unsc_jax.evaluation.metrics import resampling


class ClusterScores(NamedTuple):
  """How well clusters match labels; 1 for perfectly."""
  nmi: estimate_lib.Estimate
  f1: estimate_lib.Estimate


def _table(x: chex.Array, name: str) -> jax.Array:
  """Counts [K, C]."""
  x = checks.features(x, name)
  if not checks.holds(lambda a: (a >= 0).all(), x):
    raise ValueError(f'{name} should hold counts, but some are negative.')
  return x


@checks.jitted(table=_table)
def normalized_mutual_information(table: jax.Array) -> jax.Array:
  """NMI = 2 I/(H + H') of a contingency table [K, C] of counts.

  Args:
    table: [K, C], how many examples of class c fell into cluster k.

  Returns:
    Scalar in 0..1; 1 for one cluster and one class.

  Example:
    >>> round(float(normalized_mutual_information([[5, 0], [0, 5]])), 3)
    1.0

  Source: arithmetic normalisation, as in scikit-learn; exact.
  """
  p = table / jnp.sum(table)
  log = lambda x: jnp.log(jnp.where(x > 0, x, 1))
  rows, columns = jnp.sum(p, 1), jnp.sum(p, 0)
  entropies = -jnp.sum(rows * log(rows)) - jnp.sum(columns * log(columns))
  information = jnp.sum(p * (log(p) - log(rows)[:, None] - log(columns)[None]))
  return jnp.where(entropies > 0, jnp.clip(
      2 * information / jnp.where(entropies > 0, entropies, 1), 0, 1), 1.)


@checks.jitted(forget=_table, rest=_table)
def pairwise_f1(forget: jax.Array, rest: jax.Array) -> jax.Array:
  """F1 of "same cluster" as a guess at "same class", over pairs of examples.

  Pairs are those with at least one forget example.

  Args:
    forget: [K, C] counts of forget examples of class c in cluster k.
    rest: [K, C] counts of the other examples; all zeros for pairs within one
      set.

  Returns:
    Scalar in 0..1; 0 if no pair shares a cluster or a class.

  Example:
    >>> table = jnp.array([[3, 0], [0, 3]])
    >>> float(pairwise_f1(table, 0 * table))
    1.0

  Source: Manning et al., Introduction to Information Retrieval, 16.3; exact.
  """
  checks.same_shape(forget, rest, 'forget and rest')
  pairs = lambda f, r: jnp.sum(f * (f - 1) / 2 + f * r)
  both = pairs(forget, rest)
  cluster = pairs(jnp.sum(forget, 1), jnp.sum(rest, 1))
  label = pairs(jnp.sum(forget, 0), jnp.sum(rest, 0))
  return jnp.where(cluster + label > 0,
                   2 * both / jnp.maximum(cluster + label, 1), 0.)


@precision.precise
def cluster_scores(features: chex.Array, labels: chex.Array,
                   key: jax.Array, *, clusters: int | None = None,
                   forget: chex.Array | None = None) -> ClusterScores:
  """NMI and pairwise F1 of k-means clusters of features against labels.

  What a user finds without any label. Above the retrained model's: the forget
  class still has a place of its own. Below: over-unlearned, features scattered
  or collapsed.

  Args:
    features: [N, d].
    labels: [N] integers of any range.
    key: seeds k-means.
    clusters: K, by default the number of different labels.
    forget: [N] booleans; with them F1 is over pairs with a forget example,
      which is what one forgotten class among others needs.

  Returns:
    ClusterScores of scalars; see `assignment_scores`.

  Raises:
    ImportError: without scikit-learn.

  Example:
    >>> features = jnp.array([[0.], [.1], [5.], [5.1]])
    >>> scores = cluster_scores(features, [7, 7, 3, 3], jax.random.key(0))
    >>> float(scores.f1.value)
    1.0

  Source: the metric-learning protocol which MUDA (arXiv 2407.17710) names;
  details (10 restarts, raw features) are a reconstruction.
  """
  features = checks.features(features, 'features')
  n = features.shape[0]
  forget = np.ones(n, bool) if forget is None else np.asarray(forget, bool)
  labels = np.asarray(labels)
  for name, array in (('labels', labels), ('forget', forget)):
    if array.shape != (n,):
      raise ValueError(f'{name} should be an array [{n}], one for each row of '
                       f'the features, but its shape is {array.shape}.')
  clusters = len(np.unique(labels)) if clusters is None else clusters
  assigned = k_means(features, clusters, key)
  return assignment_scores(assigned, labels, forget)


@precision.precise
def k_means(features: chex.Array, clusters: int, key: jax.Array) -> np.ndarray:
  """The cluster of each of features [N, d]; k-means with 10 restarts.

  Raises:
    ImportError: without scikit-learn.
    ValueError: there are fewer examples than clusters.
  """
  cluster_lib = checks.optional_import('sklearn.cluster')
  features = np.asarray(precision.scaled(checks.features(features, 'features'))[0])
  n = len(features)
  if not 1 <= checks.count(clusters, 'clusters') <= n:
    raise ValueError(f'clusters is {clusters}, but {n} examples can form 1..{n}.')
  seed = int(jax.random.randint(key, (), 0, 2**31 - 1, dtype=jnp.int32))
  return cluster_lib.KMeans(clusters, n_init=10, random_state=seed).fit_predict(features)


def assignment_scores(assigned: np.ndarray, labels: np.ndarray,
                      forget: np.ndarray) -> ClusterScores:
  """The scores of clusters that are there already.

  Args:
    assigned: [N] cluster of each example.
    labels: [N] integers of any range.
    forget: [N] booleans; F1 is over pairs with a forget example.

  Returns:
    ClusterScores of scalars. The jackknife intervals take the clusters as given;
    the order of the examples should be a random one.

  Example:
    >>> assigned, labels = np.array([1, 1, 0]), np.array([4, 4, 9])
    >>> float(assignment_scores(assigned, labels, labels == 4).f1.value)
    1.0
  """
  assigned, labels, forget = (np.asarray(x) for x in (assigned, labels, forget))
  forget = forget.astype(bool)
  for name, array in (('labels', labels), ('forget', forget)):
    checks.same_shape(assigned, array, f'assigned and {name}')
  if not assigned.size:
    raise checks.DoesNotApply('assigned is empty: nothing can be measured without examples.')
  _, clusters = np.unique(assigned, return_inverse=True)
  _, classes = np.unique(labels, return_inverse=True)
  shape = clusters.max() + 1, classes.max() + 1

  def scores(sample):
    table = lambda some: np.bincount(
        np.ravel_multi_index(sample[:2], shape), some, math.prod(shape)).reshape(shape)
    mine, rest = table(sample[2]), table(~sample[2])
    return normalized_mutual_information(mine + rest), pairwise_f1(mine, rest)
  return ClusterScores(*resampling.share(scores, (clusters, classes, forget)))
