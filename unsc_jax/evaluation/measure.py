"""Everything that is measured of one unlearned network: a row of a table."""

from collections.abc import Callable, Sequence
import dataclasses
import functools
import math
from typing import Any

import jax
import numpy as np

from unsc_jax import moments as moments_lib
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import training
from unsc_jax.evaluation import attacks
from unsc_jax.evaluation import distances
from unsc_jax.evaluation import measured as measured_lib
from unsc_jax.evaluation import outputs as outputs_lib
from unsc_jax.evaluation import probe
from unsc_jax.evaluation import relearn
from unsc_jax.evaluation.metrics import accuracy
from unsc_jax.evaluation.metrics import checks
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import preservation
from unsc_jax.problem import trainable


@dataclasses.dataclass(frozen=True)
class Setup:
  """What all networks of one request are measured with.

  Test examples of classes that neither set of the problem has count for nothing, and
  are left out: those that an earlier request took, or that were never there.

  Raises:
    ValueError: the test examples are not of the problem's network.
  """
  problem: problem_lib.Problem
  test: problem_lib.Examples
  key: jax.Array  # one for all networks, so that the same is drawn for each
  moments: moments_lib.Moments | None = None  # of the retained training inputs
  probe_epochs: float = 20

  def __post_init__(self):
    test = self.problem.checked(self.test, 'the test set').without(self.problem.gone)
    if not len(test):
      raise ValueError(
          'no test example is of a class that the problem has examples of; give the '
          'test examples of its data.')
    object.__setattr__(self, 'test', test)

  @functools.cached_property
  def original(self) -> np.ndarray:
    """`[T, C]`: the original network's logits of the test examples."""
    return training.answers(self.problem, self.problem.params, self.test.x)

  def outputs(self, unlearned: problem_lib.Unlearned) -> outputs_lib.Outputs:
    """Logits and features of a network on all data."""
    return outputs_lib.outputs_of(
        self.problem, self.test, unlearned.fn, unlearned.params)


def measure(
    setup: Setup, unlearned: problem_lib.Unlearned, *,
    outputs: outputs_lib.Outputs | None = None,
    references: Sequence[outputs_lib.Reference] | None = None,
) -> measured_lib.Measured:
  """Measures one network; see `unsc_jax.report.metrics` for what it means.

  Args:
    setup: what all networks of the request are measured with.
    unlearned: what a method gave back.
    outputs: of the network, where they are known already.
    references: retrained networks, this one not among them. None: only
      accuracies, the probe, attacks by a threshold and what has moved are
      measured, which is quick.

  Returns:
    Measured, with `relearning` where there are references. What is not defined for
    these data, such as an attack on a single example, is None, with its reason.

  Raises:
    ImportError: there are references, and scikit-learn is missing.
    ValueError: the method changed the network, and with it what its parameters are.

  Example:
    A head that no longer names the class, over features that still tell it:

    >>> x, y = np.eye(4, dtype=np.float32).repeat(30, 0), np.arange(4).repeat(30)
    >>> data = problem_lib.Examples(x, y)
    >>> network = problem_lib.Network(lambda params, x: x @ params['head'])
    >>> trained = {'head': 9 * np.eye(4, dtype=np.float32)}
    >>> problem = problem_lib.Problem(
    ...     network, trained, *problem_lib.split_classes(data, [3]), 4, (3,))
    >>> mine = {'head': np.diag([9, 9, 9, -9]).astype(np.float32)}
    >>> setup = Setup(problem, data, jax.random.key(0))
    >>> measured = measure(setup, problem_lib.Unlearned(network.fn, mine, {}, {}))
    >>> [measured.metrics[name] for name in ('forget_test', 'retain_test', 'probe')]
    [0.0, 1.0, 1.0]
  """
  problem = setup.problem
  outputs_lib.check_parameters(problem, unlearned.fn, unlearned.params)
  outputs = outputs or setup.outputs(unlearned)
  estimates: dict[str, Any] = {
      **outputs_lib.accuracies(outputs), **attacks.thresholds(outputs),
      **measured_lib.tried({
          **_moved(setup, outputs), 'probe': lambda: _probe(setup, outputs),
          'leak': lambda: _leak(problem, unlearned),
          'layer_drift': lambda: _layer_drift(setup, unlearned)})}
  relearning, limits = None, {}
  if references is not None:
    estimates |= attacks.measure(outputs, references, setup.key)
    estimates |= distances.measure(outputs, estimates, references, setup.key)
    relearnt = measured_lib.tried({'relearn_steps': lambda: relearn.relearn_by_draws(
        problem, setup.test, unlearned.params, setup.key)})['relearn_steps']
    if not isinstance(relearnt, measured_lib.Missing):
      relearnt, relearning = relearnt
      if relearning.reached < 1:
        limits = {'relearn_steps': float(relearn.CAP)}
    estimates['relearn_steps'] = relearnt
  metrics, intervals = measured_lib.plain(estimates)
  return measured_lib.Measured(
      metrics=metrics, intervals=intervals, reasons=measured_lib.reasons(estimates),
      per_class=_per_class(outputs),
      seconds=dict(unlearned.seconds),
      history={name: [float(v) for v in values]
               for name, values in unlearned.history.items()},
      limits=limits, relearning=relearning)


def reference(setup: Setup, unlearned: problem_lib.Unlearned) -> outputs_lib.Reference:
  """What is needed of a retrained network to measure others by it."""
  outputs = setup.outputs(unlearned)
  scores = {**outputs_lib.accuracies(outputs), **measured_lib.tried({
      'mia_classifier': lambda: attacks.classifier(outputs, setup.key)})}
  return outputs_lib.Reference(
      outputs.train_logits[outputs.forgotten], outputs.test_logits,
      outputs.test_features, scores)


def _per_class(outputs: outputs_lib.Outputs) -> list[float | None]:
  """The test accuracy of every class; None where it has no examples or no outputs."""
  each = measured_lib.tried({'each': lambda: accuracy.per_class_accuracy(
      outputs.test_logits, outputs.test_labels).value})['each']
  if isinstance(each, measured_lib.Missing):
    return [None] * outputs.test_logits.shape[1]
  return [None if np.isnan(v) else float(v) for v in np.asarray(each)]


def _moved(setup: Setup, outputs: outputs_lib.Outputs
           ) -> dict[str, Callable[[], estimate_lib.Estimate]]:
  """How far the retained test logits are from the original's."""
  kept = np.isin(setup.test.labels, outputs.retain_classes)
  before, after = setup.original[kept], outputs.test_logits[kept]
  return {'logit_drift': lambda: preservation.logit_drift(
              before, after, outputs.retain_classes),
          'flips': lambda: preservation.flips(before, after)}


def _probe(setup: Setup, outputs: outputs_lib.Outputs) -> estimate_lib.Estimate:
  """How often a new head on the features finds the forgotten classes."""
  classes = outputs_lib.some_of(outputs.test_labels, outputs.forget_classes)
  each = probe.linear_probe(
      problem_lib.Examples(outputs.train_features, outputs.train_labels),
      problem_lib.Examples(outputs.test_features, outputs.test_labels),
      setup.problem.num_classes, setup.key, epochs=setup.probe_epochs,
      session=session_lib.Session(progress=setup.problem.session.progress))
  return estimate_lib.mean(jax.tree.map(lambda ends: np.asarray(ends)[list(classes)], each))


def _leak(problem, unlearned) -> float:
  """The largest share of a parameter's whole change outside the null space."""
  if unlearned.bases is None:
    raise checks.DoesNotApply('the method confines its update to no null space.')
  if not isinstance(unlearned.bases, null_space.Bases):
    raise checks.DoesNotApply(
        'a soft filter damps every direction and leaves none whole; see how far layers '
        'and logits moved.')
  change = _difference(*map(trainable.floats, (unlearned.params, problem.params)))
  return max(map(float, null_space.leak(change, unlearned.bases).values()))


@jax.jit
def _difference(after: Any, before: Any) -> Any:
  return jax.tree.map(lambda a, b: a - b, after, before)


def _layer_drift(setup: Setup, unlearned) -> float:
  """The largest drift of a layer on the retained training data."""
  if setup.moments is None:
    raise checks.DoesNotApply('no method took the moments of the retained inputs.')
  drift = null_space.drift(setup.moments, setup.problem.params, unlearned.params)
  worst = max(map(float, drift.values()))
  if worst == math.inf:
    raise checks.DoesNotApply('a layer moved of whose inputs no moments can be taken.')
  return worst
