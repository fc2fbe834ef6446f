"""What is measured before and after a request, with what the number of examples can show."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import training
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import preservation
from unsc_jax.evaluation.metrics import roc
from unsc_jax.evaluation.metrics import signals

Measure = dict[str, Any]

NOTHING = {'accuracy': None, 'probability': None}  # of examples that were not given


def of_examples(
    network: problem_lib.Network, params: Any, examples: problem_lib.Examples,
    session: session_lib.Session = session_lib.DEFAULT,
) -> dict[str, Measure]:
  """How often labels are given, with Wilson's interval, and how probable they are."""
  from scipy import special  # takes half a second to import
  logits = _logits(network, params, examples, session)
  right = int((logits.argmax(-1) == examples.y).sum())
  probability = special.softmax(logits, axis=-1)[np.arange(len(examples)), examples.y]
  return {
      'accuracy': told(estimate_lib.wilson(right, len(examples)), len(examples)),
      'probability': told(
          estimate_lib.normal(probability, within=(0., 1.)), len(examples))}


def of_membership(
    network: problem_lib.Network, params: Any, forget: problem_lib.Examples,
    unseen: problem_lib.Examples, session: session_lib.Session = session_lib.DEFAULT,
) -> Measure | None:
  """How well confidence tells forgotten examples from unseen ones of their labels: an AUC."""
  unseen = unseen.where(np.isin(unseen.y, forget.y))
  if not len(unseen):
    return None
  confidences = (signals.confidence(_logits(network, params, of, session), of.y)
                 for of in (forget, unseen))
  return told(roc.auc(*confidences), min(len(forget), len(unseen)))


def of_unseen(
    network: problem_lib.Network, before: Any, after: Any, unseen: problem_lib.Examples,
    gone: tuple[int, ...], session: session_lib.Session = session_lib.DEFAULT,
) -> dict[str, Measure | None]:
  """What became of unseen examples: accuracy by what remains and what is gone, drift.

  Args:
    network: how to evaluate it.
    before: its parameters at enrolment.
    after: its parameters now.
    unseen: examples of all classes.
    gone: the classes of all requests so far.
    session: where to run.

  Returns:
    Name to a measure; None where there is no example of a kind.
  """
  is_gone = np.isin(unseen.y, gone)
  found: dict[str, Measure | None] = dict.fromkeys(
      ('retained_accuracy', 'forgotten_accuracy', 'logit_drift'))
  for name, mask in (('retained_accuracy', ~is_gone), ('forgotten_accuracy', is_gone)):
    if mask.any():
      found[name] = of_examples(network, after, unseen.where(mask), session)['accuracy']
  kept = unseen.where(~is_gone)
  if len(kept):
    old, new = (_logits(network, params, kept, session) for params in (before, after))
    columns = [c for c in range(old.shape[1]) if c not in gone]
    found['logit_drift'] = told(preservation.logit_drift(old, new, columns), len(kept))
  return found


def told(estimate: estimate_lib.Estimate, n: int) -> Measure:
  """An estimate as JSON has it, with the number of examples that it is of."""
  numbers = {name: _number(value) for name, value in estimate._asdict().items()}
  return {**numbers, 'n': n}


def _number(value: Any) -> float | None:
  number = float(value)
  return round(number, 6) if np.isfinite(number) else None


def largest(by_path: Mapping[str, Any]) -> float | None:
  """The largest of some numbers by path; None where one is not finite."""
  return _number(max(map(float, by_path.values()), default=0.))


def _logits(network, params, examples, session) -> np.ndarray:
  return np.asarray(training.predict(
      network.fn, params, examples.x, session=session), np.float32)
