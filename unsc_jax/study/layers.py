"""What the null space left free in every layer, and how far the layer moved."""

from collections.abc import Iterator

import numpy as np

from unsc_jax import moments as moments_lib
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import report


def layers(problem: problem_lib.Problem, unlearned: problem_lib.Unlearned
           ) -> tuple[report.Layer, ...]:
  """Spectrum, room and drift of every layer whose update was confined.

  Args:
    problem: with the original parameters.
    unlearned: what a method gave back.

  Returns:
    Layers in the order of the parameters; none where no update was confined. A soft
    filter keeps no direction whole: as many as it takes from an update in all are kept
    in effect, by the trace of what it does.
  """
  if unlearned.bases is None or unlearned.moments is None:
    return ()
  drift = null_space.drift(unlearned.moments, problem.params, unlearned.params)
  if isinstance(unlearned.bases, null_space.Bases):
    return tuple(
        _layer(path, int(np.max(basis.rank)), basis.eigenvalues[0], drift[path])
        for path, bases in unlearned.bases.by_path.items() for basis in bases)
  return tuple(_damped(unlearned.moments, unlearned.bases, drift))


def _damped(moments: moments_lib.Moments, passed: null_space.Gains, drift
            ) -> Iterator[report.Layer]:
  for path, uses in moments.by_path.items():
    gains = {gain.site: gain for gain in passed.by_path.get(path, ())}
    for moment in uses:
      if moment.site not in gains:
        continue
      kept = moment.site.folded[1] - float(np.min(gains[moment.site].degrees_of_freedom))
      second = np.asarray(moment.mean_square[0], np.float64)
      # By the host: a picture is no reason to compile an eigensolver.
      values = np.sort(second if second.ndim == 1 else np.linalg.eigvalsh(second))[::-1]
      yield _layer(path, round(kept), values, drift[path], damped=True)


def _layer(path, rank, eigenvalues, drift, damped=False) -> report.Layer:
  return report.Layer(
      path=path, rank=rank, eigenvalues=tuple(np.asarray(eigenvalues, float).tolist()),
      layer_drift=float(drift), damped=damped)
