"""Subspaces that keep one set's energy and lose another's: LOFT's problem.

`U` `[d, s]` has orthonormal columns. Only second moments matter.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class Terms(NamedTuple):
  """The two shares of energy that LOFT wants small."""
  lost: float  # of the retained, in [0, 1]
  kept: float  # of the forgotten, in [0, 1]

  @property
  def value(self) -> float:
    return self.lost**2 + self.kept**2


def terms(u: np.ndarray, retain: np.ndarray, forget: np.ndarray) -> Terms:
  r"""The terms of :math:`J = J_{rm}^2 + J_{fg}^2`.

  .. math:: J_{rm} = 1 - \frac{\mathrm{tr}(U^\top \Sigma_r U)}
    {\mathrm{tr}\, \Sigma_r}, \quad
    J_{fg} = \frac{\mathrm{tr}(U^\top \Sigma_f U)}{\mathrm{tr}\, \Sigma_f}

  Example:
    >>> terms(np.array([[1.], [0.]]), np.diag([3., 1.]), np.eye(2))
    Terms(lost=0.25, kept=0.5)
  """
  lost, kept = (float(np.sum(m @ u * u) / np.trace(m)) for m in (retain, forget))
  return Terms(1 - lost, kept)


def _of_unit_energy(retain: np.ndarray, forget: np.ndarray) -> Iterator[np.ndarray]:
  """Both moments in float64, divided by their traces.

  Raises:
    ValueError: a set has features without energy, or of no numbers.
  """
  for name, moment in (('retained', retain), ('forget', forget)):
    moment = np.asarray(moment, np.float64)
    if not 0 < np.trace(moment) < np.inf:
      raise ValueError(
          f'the features of the {name} examples are all zero, or alike where their mean '
          'is taken off, or no numbers, so that no subspace tells the two sets apart; '
          'look for units that are silent, or choose a method that does not need them.')
    yield moment / np.trace(moment)


def start(
    retain: np.ndarray, forget: np.ndarray, rank: int, *, candidates: int = 25,
    refinements: int = 2,
) -> np.ndarray:
  r"""The best subspace among the stationary ones of one family.

  Where `J` is stationary, `U` spans leading eigenvectors of

  .. math:: \frac{\Sigma_r}{\mathrm{tr}\, \Sigma_r} - c \,
    \frac{\Sigma_f}{\mathrm{tr}\, \Sigma_f}, \quad c = J_{fg} / J_{rm}

  so a scan over `c` needs no gradient. It misses an optimum that lies inside a
  crossing of eigenvalues; `polish` goes on from here.

  Args:
    retain: `[d, d]` second moment to keep, in host memory.
    forget: `[d, d]` second moment to lose.
    rank: `s`, columns of `U`.
    candidates: values of `c`, from 1e-4 to 1e4, beside 0; an eigendecomposition
      each.
    refinements: scans between the neighbours of the best value so far.

  Returns:
    `U` `[d, s]`, float64.

  Raises:
    ValueError: one of the moments is zero, or no numbers.

  Source: ours (the published code starts from a random `U`).
  """
  retain, forget = _of_unit_energy(retain, forget)

  def subspace(c):
    u = np.linalg.eigh(retain - c * forget)[1][:, -rank:]
    return terms(u, retain, forget).value, u

  least, best = subspace(0.)
  grid = np.logspace(-4, 4, candidates)
  for _ in range(1 + refinements):
    subspaces = [subspace(c) for c in grid]
    at = int(np.argmin([value for value, _ in subspaces]))
    if subspaces[at][0] < least:
      least, best = subspaces[at]
    around = grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)]
    grid = np.geomspace(*around, candidates // 2)
  return best


def polish(
    u: np.ndarray, retain: np.ndarray, forget: np.ndarray, steps: int
) -> np.ndarray:
  r"""Riemannian gradient descent with backtracking on the Stiefel manifold.

  .. math:: U \leftarrow \mathrm{qf}(U - \eta\, (I - U U^\top) \nabla J)

  `J` depends on the span alone, so this is the whole Riemannian gradient; `qf`
  is the orthonormal factor of a QR decomposition. A step is halved until it
  lowers `J`, and doubled after it has.

  Args:
    u: `[d, s]` orthonormal columns to start from.
    retain: `[d, d]` second moment to keep.
    forget: `[d, d]` second moment to lose.
    steps: at most so many.

  Returns:
    `U` `[d, s]`, no worse than the start; float64.

  Raises:
    ValueError: as `start`.

  Source: LOFT (arXiv 2601.22456) with plain descent for its Riemannian Adam,
  whose weight decay is normal to the manifold and has no effect.
  """
  retain, forget = _of_unit_energy(retain, forget)
  rate, now = 1., terms(u, retain, forget)
  for _ in range(steps):
    gradient = -4 * now.lost * retain @ u + 4 * now.kept * forget @ u
    gradient -= u @ (u.T @ gradient)
    while rate > 1e-12:
      new = np.linalg.qr(u - rate * gradient)[0]
      if (then := terms(new, retain, forget)).value < now.value:
        break
      rate /= 2
    else:
      break
    u, now, rate = new, then, 2 * rate
  return u
