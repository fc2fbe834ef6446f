"""One row of a table: everything that is measured of one unlearned network."""

from typing import Any, NamedTuple

import jax
import numpy as np

from unsc_jax import certificate
from unsc_jax import evaluation
from unsc_jax import features
from unsc_jax import moments as moments_lib
from unsc_jax import predict
from unsc_jax import problem as problem_lib
from unsc_jax import projection
from unsc_jax.evaluation import preservation
from unsc_jax.evaluation import probe

METRICS = (
    'forget_test', 'retain_test', 'forget_train', 'retain_train',
    'logit_drift', 'flips', 'probe', 'leak', 'certificate')


class Bench(NamedTuple):
  """What all rows of one seed are measured with."""
  problem: problem_lib.Problem
  train: problem_lib.Examples
  test: problem_lib.Examples
  moments: moments_lib.Moments | None  # of the retained training inputs
  probe_epochs: float
  key: jax.Array


def row(bench: Bench, unlearned: problem_lib.Unlearned) -> dict[str, Any]:
  """Measures one network; see `unsc_jax.report.metrics` for what it means.

  Args:
    bench: data and the original network.
    unlearned: what a method gave back.

  Returns:
    `metrics` by name, `per_class` test accuracy, `seconds` and `history`.
  """
  problem = bench.problem
  logits = lambda fn, params, x: predict.predict(fn, params, x, mesh=problem.mesh)
  new = lambda x: logits(unlearned.fn, unlearned.params, x)
  per_class = evaluation.per_class_accuracy(new(bench.test.x), bench.test.y).value
  train = evaluation.per_class_accuracy(new(bench.train.x), bench.train.y).value
  forget, retain = list(_forgotten(problem)), list(_remaining(problem))
  kept = bench.test.where(np.isin(bench.test.y, retain))
  before, after = logits(problem.fn, problem.params, kept.x), new(kept.x)
  mean = lambda values, classes: float(np.nanmean(np.asarray(values)[classes]))
  metrics = {
      'forget_test': mean(per_class, forget),
      'retain_test': mean(per_class, retain),
      'forget_train': mean(train, forget),
      'retain_train': mean(train, retain),
      'logit_drift': float(preservation.logit_drift(before, after, retain)),
      'flips': float(preservation.flips(before, after)),
      'probe': mean(_probe(bench, unlearned), forget),
      'leak': _leak(problem, unlearned),
      'certificate': _certificate(bench, unlearned),
  }
  return {
      'metrics': metrics,
      'per_class': [float(v) for v in np.asarray(per_class)],
      'seconds': unlearned.seconds,
      'history': {name: [float(v) for v in values]
                  for name, values in unlearned.history.items()},
  }


def _forgotten(problem):
  return problem.forget_classes or tuple(range(problem.num_classes))


def _remaining(problem):
  return problem.retain_classes


def _probe(bench: Bench, unlearned) -> np.ndarray:
  """Test accuracy, by class, of a new head on the network's features."""
  problem, params = bench.problem, unlearned.params
  head = features.head_path(problem.fn, params, bench.test.x[:1])
  inputs = features.layer_inputs(problem.fn, head)
  read = lambda x: predict.predict(inputs, params, x, mesh=problem.mesh)
  return probe.linear_probe(
      bench.train.replace(x=read(bench.train.x)),
      bench.test.replace(x=read(bench.test.x)),
      problem.num_classes, bench.key, epochs=bench.probe_epochs,
      progress=problem.progress)


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
