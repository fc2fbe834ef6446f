"""What a network says of all that it was asked to forget so far, and of the rest."""

import dataclasses
from typing import Any

import numpy as np

from unsc_jax import data as data_lib
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.evaluation.metrics import preservation
from unsc_jax.evaluation.metrics import signals


@dataclasses.dataclass(frozen=True)
class SoFar:
  """What is measured with, after a request.

  Attributes:
    network: how to evaluate parameters.
    dataset: all data.
    classes: that are forgotten.
    single: which training examples were named one by one, a mask `[N]`.
  """
  network: problem_lib.Network
  dataset: data_lib.Dataset
  classes: tuple[int, ...]
  single: np.ndarray

  def logits(self, params: Any) -> np.ndarray:
    """What parameters say of the test images, `[N, C]`."""
    return training.predict(self.network.fn, params, self.dataset.test.x)

  def row(self, before: np.ndarray, params: Any) -> dict[str, float | None]:
    """Accuracies, confidence on single examples, and drift of retained logits.

    Args:
      before: the original's `logits`.
      params: of now.
    """
    after, named = self.logits(params), self.dataset.train.where(self.single)
    right, gone = after.argmax(-1) == self.dataset.test.y, self._gone
    sure = signals.confidence(training.predict(
        self.network.fn, params, named.x), named.y) if len(named) else ()
    return {'forgotten_classes': _mean(right[gone]), 'retained': _mean(right[~gone]),
            'forgotten_examples': _mean(sure), 'logit_drift': self.drift(before, after)}

  def drift(self, before: np.ndarray, after: np.ndarray) -> float:
    """How far retained logits of retained test images have moved."""
    columns = [c for c in range(self.dataset.num_classes) if c not in self.classes]
    return float(preservation.logit_drift(
        before[~self._gone], after[~self._gone], columns).value)

  @property
  def _gone(self) -> np.ndarray:
    return np.isin(self.dataset.test.y, self.classes)


def _mean(values: Any) -> float | None:
  return float(np.mean(values)) if len(values) else None
