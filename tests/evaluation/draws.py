"""Random examples of which the class is known, and many draws of one measure."""

from collections.abc import Sequence

import numpy as np

from unsc_jax import evaluation


def blobs(seed: int, n: int, apart: float, classes: int = 4, d: int | None = None
          ) -> tuple[np.ndarray, np.ndarray]:
  """Normal points, or logits, whose entry of the class is larger; and the classes."""
  rng = np.random.default_rng(seed)
  y = rng.integers(0, classes, n)
  centres = apart * np.eye(classes, d)
  return (centres[y] + rng.normal(size=(n, d or classes))).astype(np.float32), y


def assert_most_pass(estimates: Sequence[evaluation.Estimate]) -> None:
  """Of forty retrained models' estimates, every fourth beside the next three."""
  passed = [bool(evaluation.gap(estimates[i], estimates[i + 1:i + 4]).within)
            for i in range(0, 40, 4)]
  assert sum(passed) >= 8  # of 10, each with probability .95
