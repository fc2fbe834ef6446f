"""The machine check with the control row: does a measure measure unlearning?

The control is the original network with the forgotten classes' logits masked
(`methods.head_only`). It has forgotten nothing, so a measure on which a method
ties with it says nothing of that method.
"""

from collections.abc import Mapping, Sequence

import chex
import jax
import jax.numpy as jnp

from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import precision

Value = estimate_lib.Estimate | chex.Numeric


@precision.precise
def ties(method: Value, control: Value, references: Sequence[Value],
         level: float = 0.95, models: chex.Numeric = 1) -> jax.Array:
  """Whether a method is as near to the control as retraining is to itself.

  |method - control| <= band, with the noise band of `estimate.gap`.

  Args:
    method: the method's value, an `Estimate` of arrays [...] or an array.
    control: that of the control row.
    references: those of retrained networks, as for `gap`.
    level: of the band.
    models: of how many models the values are means, as for `gap`.

  Returns:
    Booleans [...].

  Raises:
    ValueError: as `gap` does.

  Example:
    >>> references = [.55, .57, .56]
    >>> bool(ties(.61, .63, references)), bool(ties(.56, .63, references))
    (True, False)

  Source: ours.
  """
  mine, masked = (estimate_lib.as_estimate(one).value for one in (method, control))
  return jnp.abs(mine - masked) <= estimate_lib.gap(method, references, level, models).band


def blind_measures(
    method: Mapping[str, Value], control: Mapping[str, Value],
    references: Sequence[Mapping[str, Value]], level: float = 0.95,
) -> list[str]:
  """The measures on which a method cannot be told from masking a logit.

  Args:
    method: value by name of the measure.
    control: the control row's, likewise.
    references: those of each retrained network.
    level: of the bands.

  Returns:
    Names, in the order of `method`, of those measures that all have.

  Example:
    >>> references = [{'accuracy': a, 'probe': p} for a, p in (
    ...     (.94, .55), (.95, .57), (.945, .56))]
    >>> blind_measures({'accuracy': .946, 'probe': .56},
    ...                {'accuracy': .949, 'probe': .63}, references)
    ['accuracy']

  Source: ours.
  """
  everywhere = [name for name in method if name in control
                and all(name in one for one in references)]
  return [name for name in everywhere if ties(
      method[name], control[name], [one[name] for one in references], level)]
