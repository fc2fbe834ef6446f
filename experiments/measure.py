"""One row of a table: everything that is measured of one unlearned network."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments import distances
from experiments import relearning
from experiments import traces
from experiments import views
from unsc_jax import certificate
from unsc_jax import evaluation
from unsc_jax import moments as moments_lib
from unsc_jax import predict
from unsc_jax import problem as problem_lib
from unsc_jax import projection
from unsc_jax.evaluation import preservation
from unsc_jax.evaluation import probe


class Bench(NamedTuple):
  """What all rows of one seed are measured with."""
  problem: problem_lib.Problem
  test: problem_lib.Examples
  moments: moments_lib.Moments | None  # of the retained training inputs
  probe_epochs: float
  key: jax.Array


def row(
    bench: Bench, unlearned: problem_lib.Unlearned, *,
    view: views.View | None = None,
    references: Sequence[views.View] | None = None,
) -> dict[str, Any]:
  """Measures one network; see `unsc_jax.report.metrics` for what it means.

  Args:
    bench: data and the original network.
    unlearned: what a method gave back.
    view: what the network says, where that is known already.
    references: what retrained networks say, this one not among them; the first
      is what distances are to. None: only accuracies, the probe, attacks by a
      threshold and what has moved are measured, which is quick.

  Returns:
    `metrics` by name, their `intervals`, `per_class` test accuracy, `seconds`,
    `history` and, with references, the curve of `relearning`.
  """
  problem = bench.problem
  view = view or look(bench, unlearned)
  found: dict[str, Any] = {
      **views.accuracies(view), **_moved(bench, view),
      'probe': _probe(bench, view), **traces.thresholds(view),
      'leak': _leak(problem, unlearned),
      'certificate': _certificate(bench, unlearned)}
  more: dict[str, Any] = {}
  if references is not None:
    course = relearning.course(problem, bench.test, unlearned.params, bench.key)
    found |= {**traces.measure(view, references, bench.key),
              **distances.measure(view, references, bench.key),
              'relearn_steps': course.steps}
    more = {'relearning': {'steps': course.at, 'accuracy': course.accuracy,
                           'target': course.target}}
  per_class = evaluation.per_class_accuracy(view.test, bench.test.y).value
  return {
      **plain(found), **more,
      'per_class': [float(v) for v in np.asarray(per_class)],
      'seconds': unlearned.seconds,
      'history': {name: [float(v) for v in values]
                  for name, values in unlearned.history.items()},
  }


def look(bench: Bench, unlearned: problem_lib.Unlearned) -> views.View:
  """What a network says and sees on the bench's data."""
  return views.look(bench.problem, bench.test, unlearned.fn, unlearned.params)


def plain(found: Mapping[str, Any]) -> dict[str, dict]:
  """Numbers and their intervals, apart."""
  metrics, intervals = {}, {}
  for name, value in found.items():
    if isinstance(value, evaluation.Estimate):
      value, low, high = map(float, value)
      if np.isfinite([low, high]).all():
        intervals[name] = [low, high]
    metrics[name] = None if value is None else float(value)
  return {'metrics': metrics, 'intervals': intervals}


def _moved(bench: Bench, view: views.View) -> dict[str, evaluation.Estimate]:
  """How far the retained test logits are from the original's."""
  kept = np.isin(bench.test.y, view.retain_classes)
  before = predict.answers(bench.problem, bench.problem.params, bench.test.x[kept])
  after = view.test[kept]
  return {
      'logit_drift': preservation.drift_estimate(before, after, view.retain_classes),
      'flips': preservation.flips_estimate(before, after)}


def _probe(bench: Bench, view: views.View) -> evaluation.Estimate | None:
  """How often a new head on the features finds the forgotten classes."""
  classes = views.present(view.test_labels, view.forget_classes)
  if not classes:
    return None
  accuracy = probe.linear_probe(
      problem_lib.Examples(view.train_features, view.train_labels),
      problem_lib.Examples(view.test_features, view.test_labels),
      bench.problem.num_classes, bench.key, epochs=bench.probe_epochs,
      progress=bench.problem.progress)
  counts = np.bincount(bench.test.y, minlength=len(accuracy))[classes]
  return evaluation.mean_of_proportions(
      np.round(accuracy[classes] * counts), counts)


def _leak(problem, unlearned) -> float | None:
  """The largest share of a parameter's whole change outside the null space."""
  if unlearned.bases is None:
    return None
  change = jax.tree.map(lambda a, b: a - b, unlearned.params, problem.params)
  return max(map(float, projection.leak(change, unlearned.bases).values()))


def _certificate(bench: Bench, unlearned) -> float | None:
  """The largest drift of a layer on the retained training data."""
  if bench.moments is None:
    return None
  drift = certificate.drift(
      bench.moments, bench.problem.params, unlearned.params)
  worst = max(map(float, drift.values()))
  return worst if np.isfinite(worst) else None  # a frozen one moved: unknown
