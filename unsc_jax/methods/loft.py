"""LOFT: keep the features of what remains, lose those of what does not."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import edits
from unsc_jax.parts import head
from unsc_jax.parts import outcome
from unsc_jax.parts import passes
from unsc_jax.parts import stiefel


class Plugged(NamedTuple):
  """Parameters with a projection between the backbone and the head."""
  params: Any
  projection: jax.Array  # [d, d]


def loft(
    rank: int | float, *, polish_steps: int = 200, centred: bool = False,
    plugged: bool = False, batch_size: int = 256,
) -> problem_lib.Method:
  r"""Projects the features on the subspace that tells the two sets apart best.

  .. math:: f_U(x) = h(U U^\top z(x)), \quad
    \min_{U^\top U = I} J_{rm}(U)^2 + J_{fg}(U)^2

  See `stiefel`. It is the same as editing the head, `W ← U U^T W`: the backbone
  stays as it was, and whoever has the features has what was forgotten. For whole
  classes; for single examples the two sets' features are too much alike.

  Args:
    rank: `s`, columns of `U`; at least the retained classes less one. A float is a share
      of the `d` features, .25 for a quarter.
    polish_steps: of Riemannian descent from the closed-form start.
    centred: takes second moments about the mean, as published. The projection is
      applied to features that are not centred, so that their mean may be lost.
    plugged: keeps the parameters and plugs the projection in between, so that
      it can be taken out again; by default it is folded into the head.
    batch_size: examples a step of the passes.

  Returns:
    The method. Cost: one pass over each set; then only `[d, d]` matrices. With
    `plugged` its parameters are `Plugged`.

  Raises:
    ValueError: when used: the rank is not in 1 to `d - 1`.

  Example:
    >>> method = loft(20)  # keeps 20 directions of the features

  Source: LOFT, once SUN (arXiv 2601.22456); objective exact from code with
  `centred`, solved from a closed-form start (ours) instead of a random one.
  """
  def method(problem, key):
    del key
    stopwatch = parts.Stopwatch()
    with stopwatch('moments'):
      site = head.site(problem)
      moments = [passes.moment(problem, site.path, examples.x, batch_size)
                 for examples in (problem.retain, problem.forget)]
    with stopwatch('subspace'):
      retain, forget = (
          np.asarray((m.covariance if centred else m.mean_square)[0], np.float64)
          for m in moments)
      columns = round(rank * len(retain)) if isinstance(rank, float) else rank
      if not 1 <= columns < len(retain):
        raise ValueError(
            f'the rank is {rank}, but the head reads {len(retain)} features; '
            f'choose one of 1 to {len(retain) - 1}, or a share between 0 and 1.')
      u = stiefel.start(retain, forget, columns)
      u = stiefel.polish(u, retain, forget, polish_steps)
      projection = jnp.asarray(u @ u.T, jnp.float32)
    if not plugged:
      folded = edits.project_trainable(problem, {site.path: (site, projection[None])})
      return outcome.told(problem, problem_lib.Unlearned(
          problem.fn, folded, {}, stopwatch.seconds))
    fold = lambda params, p: edits.project(params, {site.path: (site, p[None])})
    # x U U^T W: the same product, made when the network runs.
    fn = lambda p, x: problem.fn(fold(p.params, p.projection), x)
    return problem_lib.Unlearned(
        fn, Plugged(problem.params, projection), {}, stopwatch.seconds)
  return method
