"""Everything that is measured of one unlearned network: a row of a table."""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
from typing import Any

import jax
import numpy as np

from unsc_jax import moments as moments_lib
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import training
from unsc_jax.evaluation import attacks
from unsc_jax.evaluation import course as course_lib
from unsc_jax.evaluation import distances
from unsc_jax.evaluation import outputs
from unsc_jax.evaluation import probe
from unsc_jax.evaluation.metrics import accuracy
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import preservation


@dataclasses.dataclass(frozen=True)
class Bench:
  """What all networks of one request are measured with."""
  problem: problem_lib.Problem
  test: problem_lib.Examples
  key: jax.Array  # one for all networks, so that the same is drawn for each
  moments: moments_lib.Moments | None = None  # of the retained training inputs
  probe_epochs: float = 20

  @functools.cached_property
  def original(self) -> np.ndarray:
    """`[T, C]`: the original network's logits of the test examples."""
    return training.answers(self.problem, self.problem.params, self.test.x)


def measure(
    bench: Bench, unlearned: problem_lib.Unlearned, *,
    view: outputs.View | None = None,
    references: Sequence[outputs.Reference] | None = None,
) -> dict[str, Any]:
  """Measures one network; see `unsc_jax.report.metrics` for what it means.

  Args:
    bench: data and the original network.
    unlearned: what a method gave back.
    view: what the network says, where that is known already.
    references: retrained networks, this one not among them. None: only
      accuracies, the probe, attacks by a threshold and what has moved are
      measured, which is quick.

  Returns:
    `metrics` by name, their `intervals`, `per_class` test accuracy, `seconds`,
    `history` and, with references, the course of `relearning`. Where something
    was counted up to a limit and no farther, `limits` has that limit by name, and
    the metric is a least value.

  Raises:
    ImportError: there are references, and scikit-learn is missing.

  Example:
    A head that no longer names the class, over features that still tell it:

    >>> x, y = np.eye(4, dtype=np.float32).repeat(30, 0), np.arange(4).repeat(30)
    >>> data = problem_lib.Examples(x, y)
    >>> network = problem_lib.Network(lambda params, x: x @ params['head'])
    >>> trained = {'head': 9 * np.eye(4, dtype=np.float32)}
    >>> problem = problem_lib.Problem(
    ...     network, trained, *problem_lib.split_classes(data, [3]), 4, (3,))
    >>> mine = {'head': np.diag([9, 9, 9, -9]).astype(np.float32)}
    >>> bench = Bench(problem, data, jax.random.key(0))
    >>> row = measure(bench, problem_lib.Unlearned(network.fn, mine, {}, {}))
    >>> [row['metrics'][name] for name in ('forget_test', 'retain_test', 'probe')]
    [0.0, 1.0, 1.0]
  """
  problem = bench.problem
  view = view or look(bench, unlearned)
  found: dict[str, Any] = {
      **outputs.accuracies(view), **_moved(bench, view),
      'probe': _probe(bench, view), **attacks.thresholds(view),
      'leak': _leak(problem, unlearned),
      'certificate': _certificate(bench, unlearned)}
  more: dict[str, Any] = {}
  if references is not None:
    course = course_lib.course(problem, bench.test, unlearned.params, bench.key)
    found |= attacks.measure(view, references, bench.key)
    found |= {**distances.measure(view, found, references, bench.key),
              'relearn_steps': course.steps}
    more = {'relearning': {
        'steps': course.at, 'accuracy': course.accuracy, 'target': course.target,
        'reached': course.reached}}
    if course.reached < 1:
      more['limits'] = {'relearn_steps': course.cap}
  per_class = accuracy.per_class_accuracy(view.test, bench.test.y).value
  return {
      **plain(found), **more,
      'per_class': [float(v) for v in np.asarray(per_class)],
      'seconds': unlearned.seconds,
      'history': {name: [float(v) for v in values]
                  for name, values in unlearned.history.items()},
  }


def look(bench: Bench, unlearned: problem_lib.Unlearned) -> outputs.View:
  """What a network says and sees on the bench's data."""
  return outputs.look(bench.problem, bench.test, unlearned.fn, unlearned.params)


def reference(bench: Bench, unlearned: problem_lib.Unlearned) -> outputs.Reference:
  """What is needed of a retrained network to measure others by it."""
  view = look(bench, unlearned)
  scores = {**outputs.accuracies(view),
            'mia_classifier': attacks.classifier(view, bench.key)}
  return outputs.Reference(
      view.train[view.forgotten], view.test, view.test_features, scores)


def plain(found: Mapping[str, Any]) -> dict[str, dict]:
  """Numbers and their intervals, apart."""
  metrics, intervals = {}, {}
  for name, value in found.items():
    if isinstance(value, estimate_lib.Estimate):
      value, low, high = map(float, value)
      if np.isfinite([low, high]).all():
        intervals[name] = [low, high]
    metrics[name] = None if value is None else float(value)
  return {'metrics': metrics, 'intervals': intervals}


def _moved(bench: Bench, view: outputs.View) -> dict[str, estimate_lib.Estimate]:
  """How far the retained test logits are from the original's."""
  kept = np.isin(bench.test.y, view.retain_classes)
  before, after = bench.original[kept], view.test[kept]
  return {
      'logit_drift': preservation.drift_estimate(before, after, view.retain_classes),
      'flips': preservation.flips_estimate(before, after)}


def _probe(bench: Bench, view: outputs.View) -> estimate_lib.Estimate | None:
  """How often a new head on the features finds the forgotten classes."""
  classes = outputs.present(view.test_labels, view.forget_classes)
  if not classes:
    return None
  right = probe.linear_probe(
      problem_lib.Examples(view.train_features, view.train_labels),
      problem_lib.Examples(view.test_features, view.test_labels),
      bench.problem.num_classes, bench.key, epochs=bench.probe_epochs,
      session=session_lib.Session(progress=bench.problem.session.progress))
  counts = np.bincount(bench.test.y, minlength=len(right))[classes]
  return estimate_lib.mean_of_proportions(
      np.round(right[classes] * counts), counts)


def _leak(problem, unlearned) -> float | None:
  """The largest share of a parameter's whole change outside the null space."""
  if unlearned.bases is None:
    return None
  change = jax.tree.map(lambda a, b: a - b, unlearned.params, problem.params)
  return max(map(float, null_space.leak(change, unlearned.bases).values()))


def _certificate(bench: Bench, unlearned) -> float | None:
  """The largest drift of a layer on the retained training data."""
  if bench.moments is None:
    return None
  drift = null_space.drift(
      bench.moments, bench.problem.params, unlearned.params)
  worst = max(map(float, drift.values()))
  return worst if np.isfinite(worst) else None  # a frozen one moved: unknown
