"""Subspaces that keep one set's energy and lose another's: LOFT's problem.

`U` `[d, s]` has orthonormal columns. Only second moments matter.
"""

import functools
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

_mul = functools.partial(jnp.matmul, precision=lax.Precision.HIGHEST)


class Terms(NamedTuple):
  """The two shares of energy that LOFT wants small."""
  lost: jax.Array  # of the retained, in [0, 1]
  kept: jax.Array  # of the forgotten, in [0, 1]

  @property
  def value(self) -> jax.Array:
    return self.lost**2 + self.kept**2


def terms(u: jax.Array, retain: jax.Array, forget: jax.Array) -> Terms:
  r"""The terms of :math:`J = J_{rm}^2 + J_{fg}^2`.

  .. math:: J_{rm} = 1 - \frac{\mathrm{tr}(U^\top \Sigma_r U)}
    {\mathrm{tr}\, \Sigma_r}, \quad
    J_{fg} = \frac{\mathrm{tr}(U^\top \Sigma_f U)}{\mathrm{tr}\, \Sigma_f}

  Example:
    >>> u = jnp.array([[1.], [0.]])
    >>> t = terms(u, jnp.diag(jnp.array([3., 1.])), jnp.eye(2))
    >>> float(t.lost), float(t.kept)
    (0.25, 0.5)
  """
  share = lambda m: jnp.sum(_mul(m, u) * u) / jnp.trace(m)
  return Terms(1 - share(retain), share(forget))


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

  Source: ours (the published code starts from a random `U`).
  """
  retain, forget = (np.asarray(m, np.float64) for m in (retain, forget))
  retain, forget = retain / np.trace(retain), forget / np.trace(forget)

  def subspace(c):
    u = np.linalg.eigh(retain - c * forget)[1][:, -rank:]
    return _value(u, retain, forget), u

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


def _value(u, retain, forget):
  return (1 - np.sum(retain @ u * u))**2 + np.sum(forget @ u * u)**2


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

  Source: LOFT (arXiv 2601.22456) with plain descent for its Riemannian Adam,
  whose weight decay is normal to the manifold and has no effect.
  """
  retain, forget = (np.asarray(m, np.float64) for m in (retain, forget))
  retain, forget = retain / np.trace(retain), forget / np.trace(forget)
  rate, now = 1., _value(u, retain, forget)
  for _ in range(steps):
    lost, kept = 1 - np.sum(retain @ u * u), np.sum(forget @ u * u)
    gradient = -4 * lost * retain @ u + 4 * kept * forget @ u
    gradient -= u @ (u.T @ gradient)
    while rate > 1e-12:
      new = np.linalg.qr(u - rate * gradient)[0]
      if (then := _value(new, retain, forget)) < now:
        break
      rate /= 2
    else:
      break
    u, now, rate = new, then, 2 * rate
  return u
