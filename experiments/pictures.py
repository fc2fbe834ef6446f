"""The data of a page's figures, small enough for a JSON file.

`C` classes, `n` images, `k` steps along a direction.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import batching
from unsc_jax import evaluation
from unsc_jax import null_space
from unsc_jax import paths
from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import training
from unsc_jax.evaluation import outputs
from unsc_jax.evaluation.metrics import signals

_POINTS = 300  # of a feature map
_IMAGES = 128  # that a loss around the weights is the mean of, of each kind
_ALONG = np.linspace(-1, 1, 15)  # in norms of the weights
# Losses of trained networks span many powers of ten.
_EDGES = np.array([0, *np.geomspace(1e-4, signals.LIMIT, 31)])
_NOTE = (
    't-SNE of the inputs of the head, of each network by itself and then turned '
    'to lie like the first. It shows which images are neighbours; sizes of '
    'clusters and distances between them mean nothing.')


def draw(
    problem: problem_lib.Problem, seen: Mapping[str, outputs.Outputs],
    rows: Mapping[str, evaluation.Measured], bases: null_space.Bases | None,
    key: jax.Array,
) -> dict[str, Any]:
  """All pictures of one seed.

  Args:
    problem: what was asked for.
    seen: what each method's network says.
    rows: what was measured, by method; those with `relearning` have a curve.
    bases: of the null space, where a method has one.
    key: of what is drawn at random.

  Returns:
    What `unsc_jax.report.pictures` describes, with floats of four digits.
  """
  rng = np.random.default_rng(batching.seed_of(key))
  labels = next(iter(seen.values())).test_labels
  return short({
      'confusion': {name: confusion(view, problem.num_classes)
                    for name, view in seen.items()},
      'losses': {'edges': _EDGES, 'counts': {
          name: losses(view) for name, view in seen.items()}},
      'feature_map': feature_map(
          {name: view.test_features for name, view in seen.items()}, labels, rng,
          problem.session.progress),
      'contours': bases and contours(problem, bases, key),
      'relearn': _relearn(rows)})


def confusion(view: outputs.Outputs, classes: int) -> np.ndarray:
  """`[C, C]` test images by true class (rows) and predicted class."""
  table = np.zeros((classes, classes), int)
  np.add.at(table, (view.test_labels, view.test_logits.argmax(-1)), 1)
  return table


def losses(view: outputs.Outputs) -> dict[str, np.ndarray]:
  """Shares of losses between the edges: trained on, unseen, forgotten."""
  def shares(logits, labels):
    found = np.asarray(signals.loss(logits, labels))
    counts, _ = np.histogram(np.clip(found, 0, _EDGES[-1]), _EDGES)
    return counts / max(len(found), 1)
  of = lambda mask: shares(view.train_logits[mask], view.train_labels[mask])
  return {'retain': of(~view.forgotten), 'unseen': shares(view.test_logits, view.test_labels),
          'forget': of(view.forgotten)}


def feature_map(features: Mapping[str, np.ndarray], labels: np.ndarray,
                rng: np.random.Generator,
                progress: session_lib.Progress = session_lib.no_progress,
                ) -> dict[str, Any]:
  """The same test images in the plane, once a network.

  Args:
    features: `[n, d]` by method.
    labels: `[n]`.
    rng: draws the images.
    progress: wraps the loop over networks.

  Returns:
    Labels, points by method, and what to know of them.
  """
  from sklearn import manifold
  chosen = outputs.thin(rng, np.ones(len(labels), bool), _POINTS)
  points, first = {}, None
  for name, found in progress(features.items(), 'feature maps', len(features)):
    x = found[chosen] / max(np.abs(found[chosen]).max(), 1e-30)
    flat = manifold.TSNE(
        init='pca', perplexity=min(30, (len(chosen) - 1) / 3),
        random_state=0).fit_transform(x)
    first = first if points else _unit(flat)
    points[name] = turned(_unit(flat), first)
  return {'labels': labels[chosen], 'points': points, 'note': _NOTE}


def _unit(points: np.ndarray) -> np.ndarray:
  points = points - points.mean(0)
  return points / max(np.sqrt(np.mean(np.square(points))), 1e-30)


def turned(points: np.ndarray, like: np.ndarray) -> np.ndarray:
  """The points, rotated or mirrored to lie as near to others as they can."""
  u, _, v = np.linalg.svd(points.T @ like)
  return points @ u @ v


def contours(problem: problem_lib.Problem, bases: null_space.Bases, key: jax.Array
             ) -> dict[str, Any]:
  """Losses around the original weights, in and out of the null space.

  Two random directions for every layer are projected into the null space, or
  onto its complement, and scaled to the norm of the layer's weights. Layers with
  no free direction stay at rest in both, so that the norms are the same.

  Args:
    problem: with the original weights.
    bases: of the null space.
    key: of directions and images.

  Returns:
    `along`, the steps in norms of the weights, and the mean loss of forgotten
    and of retained training images at every pair of steps, `[k, k]`.
  """
  params = outputs.on_host(problem.params)
  pairs = directions(params, outputs.on_host(bases), key)
  rng = np.random.default_rng(batching.seed_of(key))
  images = {name: part.where(rng.permutation(len(part))[:_IMAGES])
            for name, part in (('forget', problem.forget), ('retain', problem.retain))}

  @jax.jit
  def losses_at(params, pair, steps, images):
    moved = jax.tree.map(lambda w, a, b: w + steps[0] * a + steps[1] * b,
                         params, *pair)
    return {name: training.cross_entropy(problem.fn(moved, part.x), part.y)
            for name, part in images.items()}

  found: dict[str, Any] = {
      name: {part: np.zeros((len(_ALONG),) * 2) for part in images} for name in pairs}
  grid = [(name, i, j) for name in pairs for i in range(len(_ALONG))
          for j in range(len(_ALONG))]
  for name, i, j in problem.session.progress(grid, 'contours', len(grid)):
    steps = jnp.array([_ALONG[i], _ALONG[j]])
    for part, loss in losses_at(params, pairs[name], steps, images).items():
      found[name][part][i, j] = loss
  return {'along': _ALONG, 'losses': found}


def directions(params: Any, bases: null_space.Bases, key: jax.Array
               ) -> dict[str, tuple[Any, Any]]:
  """Two directions in the null space and two out of it, of the same norms."""
  leaves, tree = jax.tree.flatten(params)
  draw_one = lambda key: jax.tree.unflatten(tree, [
      jax.random.normal(k, leaf.shape) for k, leaf in zip(
          jax.random.split(key, len(leaves)), leaves)])
  drawn = [draw_one(k) for k in jax.random.split(key)]
  inside = [null_space.project(one, bases) for one in drawn]
  outside = [jax.tree.map(jnp.subtract, one, part)
             for one, part in zip(drawn, inside)]
  norm = lambda leaf: float(jnp.linalg.norm(leaf))

  def scaled(path, leaf, part, other):
    # Rounding leaves a speck of what is not free at all.
    some = min(norm(part), norm(other)) > 1e-3 * norm(leaf) > 0
    if not some or paths.path_name(path) not in bases:
      return jnp.zeros_like(part)
    return part * (norm(leaf) / norm(part))

  scale = lambda these, others: tuple(
      jax.tree_util.tree_map_with_path(scaled, params, part, other)
      for part, other in zip(these, others))
  return {'in_null_space': scale(inside, outside),
          'out_of_null_space': scale(outside, inside)}


def _relearn(rows) -> dict[str, Any] | None:
  courses = {name: row.relearning for name, row in rows.items() if row.relearning}
  if not courses:
    return None
  some = next(iter(courses.values()))
  return {'steps': some.steps, 'target': some.target,
          'accuracy': {name: one.accuracy for name, one in courses.items()}}


def short(value: Any) -> Any:
  """Lists of plain numbers, floats rounded to four digits."""
  if isinstance(value, Mapping):
    return {name: short(part) for name, part in value.items()}
  if isinstance(value, np.ndarray | np.generic | jax.Array):
    value = np.asarray(value).tolist()
  if isinstance(value, list | tuple):
    return [short(part) for part in value]
  return float(f'{value:.4g}') if isinstance(value, float) else value
