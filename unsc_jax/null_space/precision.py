"""What rounding leaves of moments, and when they are none.

A sum in float32 is known to 1e-7 of all that was ever added to it. Where most of that
was taken away again, this may be more than what remains.

`B` layers that share a parameter, `d` fan-in.
"""

from typing import Any
import warnings

import jax
from jax import core
import jax.numpy as jnp
import numpy as np

from unsc_jax import moments as moments_lib

# Below zero by this share of all energy an eigenvalue is no rounding. Activations of 16
# bits, in batches of other shapes, stay well below it.
IMPOSSIBLE = 1e-4
_DOUBTFUL = 1e-3  # of what remains
# Float32 counts up to 2^24; less what scaling may have rounded.
COUNTABLE = 2.**22


def doubt(moment: moments_lib.Moment, values: jax.Array) -> jax.Array:
  """By how much eigenvalues may be too small, where that matters.

  An input of which a direction seems free may have as much energy there. Rules for
  the rank are asked about the eigenvalues with this added: what is in doubt is kept.

  Args:
    moment: of inputs some of which may have been taken away.
    values: `[B, d]` the eigenvalues of its mean square.

  Returns:
    `[B]`: 0 where rounding is below a thousandth of what remains.
  """
  xp = values.__array_namespace__()
  unsure = xp.maximum(_rounding(moment), -values.min(-1))
  remains = xp.maximum(values, 0).sum(-1)
  return xp.where(unsure > _DOUBTFUL * remains, unsure, 0)


def check(moment: moments_lib.Moment, values: jax.Array) -> None:
  """Raises if eigenvalues `[B, d]` cannot be, and warns where they are in doubt.

  Of the eigenvalues those of the diagonal will do: they are no lower than the lowest.
  Nothing is known under `jax.jit`.

  Raises:
    ValueError: one is negative beyond rounding: something was subtracted that had
      never been added.

  Warns:
    UserWarning: rounding is more than a thousandth of what remains.
  """
  if isinstance(values, core.Tracer):
    return
  path, energy = moment.site.path, np.asarray(_energy(moment))
  unsure = np.asarray(doubt(moment, values))
  found = np.asarray(values)
  lowest = found.min(-1)
  worst = np.argmax(-lowest / np.maximum(energy, np.finfo(np.float32).tiny))
  if lowest[worst] < -IMPOSSIBLE * energy[worst]:
    raise ValueError(
        f'the moments of {path} have negative eigenvalues, {lowest[worst]:.3g} beside '
        f'{np.max(found[worst]):.3g}, which rounding does not explain; subtract only '
        'moments of data that are among those that were added, taken with the same '
        'function and parameters.')
  remains = np.maximum(found, 0).sum(-1)
  share = np.where(np.asarray(moment.count) > 0, unsure, 0) / np.maximum(remains, 1e-37)
  worst = np.argmax(share)
  if share[worst]:
    warnings.warn(
        f'what was subtracted of the inputs of {path} is {energy[worst] / remains[worst]:.0f} '
        f'times what remains, which is known to {share[worst]:.1%} only: directions in '
        'doubt are kept; for more room take the moments of the retained data themselves.',
        stacklevel=4)


def read(moment: moments_lib.Moment) -> jax.Array:
  """Which rows `[B, d]` of a table were read, or may have been: counts have an end."""
  return (moment.second > 0) | (moment.gross > COUNTABLE)


def check_counts(moment: moments_lib.Moment) -> None:
  """Raises ValueError if a row of a table was read less often than never."""
  if isinstance(moment.second, core.Tracer):
    return
  counts, gross = np.asarray(moment.second), np.asarray(moment.gross)
  wrong = _is_wrong(counts, gross)
  if wrong.any():
    raise ValueError(
        f'row {np.argwhere(wrong)[0][-1]} of {moment.site.path} would have been read '
        f'{counts[wrong][0]:g} times; subtract only moments of data that are among those '
        'that were added.')


def _is_wrong(counts: Any, gross: Any) -> Any:
  return (counts < -IMPOSSIBLE * gross) & (gross <= COUNTABLE)


def can_be(moment: moments_lib.Moment) -> jax.Array:
  """Whether nothing that is raised for would be, but under `jax.jit`: one boolean.

  Of `check` with the diagonal, `check_counts` and `moments.check_finite`.
  """
  second, first, gross = moment.second, moment.first, moment.gross
  total, kind = gross.sum(-1, keepdims=True), jnp.finfo(gross.dtype)
  wrong = (_is_wrong(second, gross) if moment.site.kind == 'lookup' else
           jnp.diagonal(second, axis1=1, axis2=2) < -IMPOSSIBLE * total)
  vanish = (gross.max() < kind.tiny / kind.eps) & jnp.any(first != 0)
  finite = [jnp.isfinite(of).all() for of in (second, first, total)]
  return jnp.stack([*finite, ~wrong.any(), ~vanish]).all()


def _energy(moment: moments_lib.Moment) -> jax.Array:
  """`[B]`: of all that was ever added, for every input that is left."""
  xp = moment.count.__array_namespace__()
  return moment.gross.sum(-1) / xp.maximum(moment.count, 1)


def _rounding(moment: moments_lib.Moment) -> jax.Array:
  return jnp.finfo(moment.second.dtype).eps * _energy(moment)
