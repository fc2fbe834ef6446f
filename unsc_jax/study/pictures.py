"""The data of a page's figures, small enough for a JSON file.

What is arrays here is tuples of numbers once it is `short`, as the types have it.
`C` classes, `n` images, `k` steps along a direction.
"""

from collections.abc import Mapping
import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import batching
from unsc_jax import null_space
from unsc_jax import paths
from unsc_jax import problem as problem_lib
from unsc_jax import report
from unsc_jax import session as session_lib
from unsc_jax import training
from unsc_jax.evaluation import outputs as outputs_lib
from unsc_jax.evaluation.metrics import signals
from unsc_jax.problem import trainable

POINTS = 300  # of a feature map
_IMAGES = 128  # that a loss around the weights is the mean of, of each kind
_ALONG: Any = np.linspace(-1, 1, 15)  # in norms of the weights
# Losses of trained networks span many powers of ten.
EDGES: Any = np.array([0, *np.geomspace(1e-4, signals.LIMIT, 31)])
_NOTE = (
    't-SNE of the inputs of the head, of each network by itself and then turned '
    'to lie like the first. It shows which images are neighbours; sizes of '
    'clusters and distances between them mean nothing.')


def draw(
    problem: problem_lib.Problem, outputs: Mapping[str, outputs_lib.Outputs],
    bases: null_space.Confinement | None, key: jax.Array,
) -> report.Pictures:
  """Draws all pictures of one seed, with floats of four digits.

  Args:
    problem: what was asked for.
    outputs: what each method's network says. One that says NaN is in no picture.
    bases: what a method was confined to, where one was.
    key: of what is drawn at random.
  """
  rng = np.random.default_rng(batching.seed_of(key))
  outputs = {name: of for name, of in outputs.items() if _sound(of)}
  if not outputs:
    return report.Pictures()
  return short(report.Pictures(
      confusion={name: confusion(of, problem.num_classes)
                 for name, of in outputs.items()},
      losses=report.Losses(edges=EDGES, counts={
          name: losses(of) for name, of in outputs.items()}),
      feature_map=_map_of(outputs, rng, problem.session.progress),
      contours=None if bases is None else contours(problem, bases, key)))


def _sound(outputs: outputs_lib.Outputs) -> bool:
  """Whether there is something to draw: masked logits are -inf, and features finite."""
  logits = np.concatenate([outputs.train_logits, outputs.test_logits])
  return bool(np.all(logits < np.inf) and np.isfinite(outputs.test_features).all())


def _map_of(outputs, rng, progress) -> report.FeatureMap | None:
  """The feature map, where there is a plane to map into and something to see in it."""
  first = next(iter(outputs.values()))
  if min(first.test_features.shape) < 4:
    return None
  return feature_map({name: of.test_features for name, of in outputs.items()},
                     first.test_labels, rng, progress)


def confusion(outputs: outputs_lib.Outputs, classes: int) -> Any:
  """`[C, C]` test images by true class (rows) and predicted class."""
  table = np.zeros((classes, classes), int)
  np.add.at(table, (outputs.test_labels, outputs.test_logits.argmax(-1)), 1)
  return table


def losses(outputs: outputs_lib.Outputs) -> report.LossShares:
  """Shares of losses between the edges: trained on, unseen, forgotten."""
  def shares(logits, labels) -> Any:
    values = np.clip(np.asarray(signals.loss(logits, labels)), 0, EDGES[-1])
    counts, _ = np.histogram(values, EDGES)
    return counts / max(len(values), 1)

  of = lambda mask: shares(outputs.train_logits[mask], outputs.train_labels[mask])
  return report.LossShares(
      retain=of(~outputs.forgotten), forget=of(outputs.forgotten),
      unseen=shares(outputs.test_logits, outputs.test_labels))


def feature_map(
    features: Mapping[str, np.ndarray], labels: np.ndarray, rng: np.random.Generator,
    progress: session_lib.Progress = session_lib.no_progress,
) -> report.FeatureMap:
  """Maps the same test images into the plane, once a network.

  Args:
    features: `[n, d]` by method.
    labels: `[n]`.
    rng: draws the images.
    progress: wraps the loop over networks.

  Returns:
    Labels, points by method, and what to know of them.
  """
  from sklearn import manifold
  import threadpoolctl
  chosen = outputs_lib.thin(rng, np.ones(len(labels), bool), POINTS)
  points: dict[str, Any] = {}
  for name, values in progress(features.items(), 'feature maps', len(features)):
    x = values[chosen] / max(np.abs(values[chosen]).max(), 1e-30)
    # On full cores its threads wait for each other busily, for minutes.
    with threadpoolctl.threadpool_limits(1):
      flat = _unit(manifold.TSNE(
          init='pca', perplexity=min(30, (len(chosen) - 1) / 3),
          random_state=0).fit_transform(x))
    points[name] = turned(flat, next(iter(points.values()), flat))
  shown: Any = labels[chosen]
  return report.FeatureMap(labels=shown, points=points, note=_NOTE)


def _unit(points: np.ndarray) -> np.ndarray:
  points = points - points.mean(0)
  return points / max(np.sqrt(np.mean(np.square(points))), 1e-30)


def turned(points: np.ndarray, like: np.ndarray) -> np.ndarray:
  """The points, rotated or mirrored to lie as near to others as they can."""
  u, _, v = np.linalg.svd(points.T @ like)
  return points @ u @ v


def contours(problem: problem_lib.Problem, bases: null_space.Confinement, key: jax.Array
             ) -> report.Contours:
  """Computes losses around the original weights, in and out of the null space.

  Two random directions for every layer are projected into the null space, or
  onto its complement, and scaled to the norm of the layer's weights. Layers with
  no free direction stay at rest in both, so that the norms are the same.

  Args:
    problem: with the original weights.
    bases: of the null space, or a soft filter, of which the directions are what it
      passes and what it takes.
    key: of directions and images.

  Returns:
    The steps in norms of the weights, and the mean loss of forgotten and of
    retained training images at every pair of steps, `[k, k]`.
  """
  params = outputs_lib.on_host(problem.params)
  pairs = directions(params, outputs_lib.on_host(bases), key)
  rng = np.random.default_rng(batching.seed_of(key))
  images = {name: part.where(rng.permutation(len(part))[:_IMAGES])
            for name, part in (('forget', problem.forget), ('retain', problem.retain))}

  @jax.jit
  def losses_at(params, pair, steps, images):
    moved = trainable.merged(jax.tree.map(
        lambda w, a, b: w + steps[0] * a + steps[1] * b,
        trainable.floats(params), *pair), params)
    return {name: training.cross_entropy(problem.fn(moved, part.x), part.y)
            for name, part in images.items()}

  k = len(_ALONG)
  grids: Any = {name: {part: np.zeros((k, k)) for part in images} for name in pairs}
  places = [(name, i, j) for name in pairs for i in range(k) for j in range(k)]
  for name, i, j in problem.session.progress(places, 'contours', len(places)):
    steps = np.array([_ALONG[i], _ALONG[j]], np.float32)
    for part, loss in losses_at(params, pairs[name], steps, images).items():
      grids[name][part][i, j] = loss
  return report.Contours(along=_ALONG, **{
      name: report.Landscape(**parts) for name, parts in grids.items()})


def directions(params: Any, bases: null_space.Confinement, key: jax.Array
               ) -> dict[str, tuple[Any, Any]]:
  """Two directions in the null space and two out of it, of the same norms.

  Of the floating leaves alone: counters and random keys have no directions.
  """
  params = trainable.floats(params)
  rng = np.random.default_rng(batching.seed_of(key))
  # NumPy's: a generator for every shape takes longer to compile than all else here.
  draws = [jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(np.float32), params)
           for _ in range(2)]
  inside, outside = zip(*(_in_and_out(params, drawn, bases) for drawn in draws))
  return {'in_null_space': inside, 'out_of_null_space': outside}


@jax.jit
def _in_and_out(params: Any, drawn: Any, bases: null_space.Confinement) -> tuple[Any, Any]:
  """What of a direction lies in the null space, and what out of it, at the norms of layers."""
  inside = null_space.project(drawn, bases)
  outside = jax.tree.map(jnp.subtract, drawn, inside)
  norm = jnp.linalg.norm

  def scaled(path, leaf, part, other):
    if paths.path_name(path) not in bases:
      return jnp.zeros_like(part)
    # Rounding leaves a speck of what is not free at all.
    some = jnp.minimum(norm(part), norm(other)) > 1e-3 * norm(leaf)
    return jnp.where(some, part * (norm(leaf) / jnp.where(some, norm(part), 1)), 0)

  scale = functools.partial(jax.tree_util.tree_map_with_path, scaled, params)
  return scale(inside, outside), scale(outside, inside)


def short(value: Any) -> Any:
  """The same with tuples of plain numbers, floats rounded to four digits."""
  if dataclasses.is_dataclass(value):
    return type(value)(**short(vars(value)))
  if isinstance(value, Mapping):
    return {name: short(part) for name, part in value.items()}
  if np.ndim(value):
    return tuple(map(short, value))
  value = np.asarray(value).item()
  return float(f'{value:.4g}') if isinstance(value, float) else value
