"""How much room a layer has to change, read before a run."""

from collections.abc import Mapping
from typing import NamedTuple
import warnings

import numpy as np

from unsc_jax.null_space import gains as gains_lib


class Room(NamedTuple):
  """The free directions of one site; of several layers, of the tightest.

  Of a soft filter the sum of what passes of each, which is no whole number.
  """
  free: float
  fan_in: int
  kind: str = 'dense'  # as of its site

  def __str__(self) -> str:
    what = 'rows' if self.kind == 'lookup' else 'directions'
    number = f'{self.free:.1f}' if isinstance(self.free, float) else f'{self.free}'
    return f'{number} of {self.fan_in} {what} free'


class Capacity(NamedTuple):
  """How much room there is to forget, layer by layer."""
  rooms: Mapping[str, tuple[Room, ...]]

  @property
  def layers(self) -> dict[str, list[Room]]:
    """The rooms of all parameters that are more than tables read by index.

    Rows that no data read say nothing of how much the network can change.
    """
    return {path: kept for path, rooms in self.rooms.items()
            if (kept := [room for room in rooms if room.kind != 'lookup'])}

  def roomy(self, share: float = 0.1) -> list[str]:
    """Layers of which at least this share of directions is free."""
    enough = lambda room: room.free >= max(1, share * room.fan_in)
    return [path for path, rooms in self.layers.items() if all(map(enough, rooms))]

  def __str__(self) -> str:
    return '\n'.join(f'{path}: {", ".join(map(str, rooms))}'
                     for path, rooms in self.rooms.items())


def capacity(bases: gains_lib.Confinement) -> Capacity:
  """Tells before a run which layers have room to change.

  Args:
    bases: of `null_space_bases` or another filter.

  Returns:
    Parameter path to the free directions of each of its sites.

  Warns:
    UserWarning: no more than half of the layers have room (10 % of their
      directions free), so that forgetting will have to happen in the few that
      have; often that is the head alone, where it does not reach the features.

  Example:
    >>> import jax.numpy as jnp
    >>> from unsc_jax import moments as moments_lib
    >>> from unsc_jax import null_space
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> _, M = fn({'w': jnp.ones((3, 2))}, jnp.array([[1., 0., 0.]]))
    >>> print(capacity(null_space.null_space_bases(M)))
    w: 2 of 3 directions free
  """
  gains_lib.check(bases)

  def room(basis):
    return Room(np.min(basis.degrees_of_freedom).item(), basis.site.folded[1],
                basis.site.kind)
  found = Capacity({path: tuple(map(room, uses)) for path, uses in bases.by_path.items()})
  roomy, layers = found.roomy(), len(found.layers)
  if 2 * len(roomy) <= layers and layers:
    where = f'in {", ".join(roomy)}' if roomy else 'nowhere, so nothing can change'
    warnings.warn(
        f'only {len(roomy)} of {layers} layers have room, at least 10 % '
        f'of their directions: forgetting will have to happen {where}; for more '
        'room lower the energy of the others, with per_path.', stacklevel=2)
  return found
