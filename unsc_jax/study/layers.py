"""What the null space left free in every layer, and how far the layer moved."""

import numpy as np

from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import report


def layers(problem: problem_lib.Problem, unlearned: problem_lib.Unlearned
           ) -> tuple[report.Layer, ...]:
  """Spectrum, room and drift of every layer that has bases.

  Args:
    problem: with the original parameters.
    unlearned: what a method gave back.

  Returns:
    Layers in the order of the parameters; none where no update was confined to bases,
    as a soft filter keeps no direction whole.
  """
  if not isinstance(unlearned.bases, null_space.Bases) or unlearned.moments is None:
    return ()
  drift = null_space.drift(unlearned.moments, problem.params, unlearned.params)
  return tuple(
      report.Layer(
          path=path, rank=int(np.max(basis.rank)),
          eigenvalues=tuple(np.asarray(basis.eigenvalues[0], float).tolist()),
          layer_drift=float(drift[path]))
      for path, bases in unlearned.bases.by_path.items() for basis in bases)
