"""Tables people read before a run: what is captured, and what room there is."""

from collections.abc import Callable, Mapping
import math
from typing import Any, NamedTuple
import warnings

import jax
import jax.numpy as jnp

from unsc_jax import bases as bases_lib
from unsc_jax import site as site_lib
from unsc_jax import trace


class Sites(NamedTuple):
  """Where a network's parameters meet its activations.

  Attributes:
    uses: every site, and how often it occurs in the program.
    untapped: parameter path to the reason why its inputs are not captured.
    sizes: parameter path to its number of entries.
  """
  uses: dict[site_lib.Site, int]
  untapped: dict[str, str]
  sizes: dict[str, int]

  def share(self, path: str) -> float:
    """A parameter's share of all entries."""
    return self.sizes[path] / max(1, sum(self.sizes.values()))

  @property
  def covered(self) -> float:
    """The share of all entries whose inputs are captured."""
    return sum(self.share(path) for path in {site.path for site in self.uses})

  def __str__(self) -> str:
    rows = [('parameter', 'kind', 'fan-in', 'layers', 'share', 'uses')]
    for site, uses in self.uses.items():
      batch, fan_in, _ = site.folded
      rows.append((site.path, site.kind, f'{fan_in}', f'{batch}',
                   f'{self.share(site.path):.1%}', f'{uses}'))
    out = [table(rows), f'{self.covered:.1%} of the parameters are captured.']
    if self.untapped:
      rows = [('not captured, frozen by default', 'share', 'because it is')]
      rows += [(path, f'{self.share(path):.1%}', reason)
               for path, reason in self.untapped.items()]
      out += ['', table(rows)]
    return '\n'.join(out)


def sites(fn: Callable, params: Any, *args: Any) -> Sites:
  """Lists where a network's parameters meet its activations.

  Nothing is computed: `params` and `args` may be `jax.ShapeDtypeStruct`s.

  Args:
    fn: any JAX function `fn(params, *args)`.
    params: pytree of arrays, or of their shapes.
    *args: pytrees of arrays, or of their shapes.

  Returns:
    The sites; its string is a table.

  Raises:
    TypeError: a leaf of `params` is not an array.
    ValueError: two leaves of `params` have the same path.

  Example:
    >>> fn = lambda params, x: x @ params['w'] + params['b']
    >>> params = {'w': jnp.ones((3, 2)), 'b': jnp.ones(2)}
    >>> print(sites(fn, params, jnp.ones((4, 3))))
    parameter  kind   fan-in  layers  share  uses
    w          dense  3       1       75.0%  1
    75.0% of the parameters are captured.
    <BLANKLINE>
    not captured, frozen by default  share  because it is
    b                                25.0%  added, as a bias is
  """
  leaves = trace.leaf_paths(params)
  trace.check_arrays(leaves)
  found: list[trace.Trace] = []

  def run(params, *args):
    found.append(trace.trace(fn, lambda site, inputs: (), params, *args))

  jax.eval_shape(run, params, *args)
  sizes = {path: math.prod(jnp.shape(leaf)) for path, leaf in leaves.items()}
  return Sites(found[0].uses, found[0].untapped, sizes)


class Room(NamedTuple):
  """The free directions of one site; of several layers, of the tightest."""
  free: int
  fan_in: int
  kind: str = 'dense'  # as of its site

  def __str__(self) -> str:
    what = 'rows' if self.kind == 'lookup' else 'directions'
    return f'{self.free} of {self.fan_in} {what} free'


class Capacity(NamedTuple):
  """How much room there is to forget, layer by layer."""
  rooms: Mapping[str, tuple[Room, ...]]

  @property
  def layers(self) -> dict[str, list[Room]]:
    """The rooms of all parameters that are more than tables read by index.

    Rows that no data read say nothing of how much the network can change.
    """
    found = {path: [room for room in rooms if room.kind != 'lookup']
             for path, rooms in self.rooms.items()}
    return {path: rooms for path, rooms in found.items() if rooms}

  def roomy(self, share: float = 0.1) -> list[str]:
    """Layers of which at least this share of directions is free."""
    enough = lambda room: room.free >= max(1, share * room.fan_in)
    return [path for path, rooms in self.layers.items() if all(map(enough, rooms))]

  def __str__(self) -> str:
    lines = [f'{path}: {", ".join(map(str, rooms))}'
             for path, rooms in self.rooms.items()]
    return '\n'.join(lines)


def capacity(bases: bases_lib.Bases) -> Capacity:
  """Tells before a run which layers have room to change.

  Args:
    bases: of `null_space_bases`.

  Returns:
    Parameter path to the free directions of each of its sites.

  Warns:
    UserWarning: no more than half of the layers have room (10 % of their
      directions free), so that forgetting will have to happen in the few that
      have; often that is the head alone, where it does not reach the features.

  Example:
    >>> from unsc_jax import moments
    >>> fn = moments.input_moments(lambda params, x: x @ params['w'])
    >>> _, M = fn({'w': jnp.ones((3, 2))}, jnp.array([[1., 0., 0.]]))
    >>> print(capacity(bases_lib.null_space_bases(M)))
    w: 2 of 3 directions free
  """
  def room(basis):
    d = basis.eigenvalues.shape[-1]
    return Room(d - int(basis.rank.max()), d, basis.site.kind)
  found = Capacity({path: tuple(map(room, uses)) for path, uses in bases.items()})
  roomy, layers = found.roomy(), len(found.layers)
  if 2 * len(roomy) <= layers and layers:
    where = f'in {", ".join(roomy)}' if roomy else 'nowhere, so nothing can change'
    warnings.warn(
        f'only {len(roomy)} of {layers} layers have room, at least 10 % '
        f'of their directions: forgetting will have to happen {where}; for more '
        'room lower the energy of the others, with per_path.', stacklevel=2)
  return found


def table(rows: list[tuple[str, ...]]) -> str:
  """Rows of strings as aligned columns."""
  widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
  return '\n'.join(
      '  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
      for row in rows)
