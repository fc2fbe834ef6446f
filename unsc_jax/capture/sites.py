"""The table of what is captured, read before a run."""

from collections.abc import Callable
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from unsc_jax import paths
from unsc_jax import text
from unsc_jax.capture import site as site_lib
from unsc_jax.capture import trace


class Sites(NamedTuple):
  """Where a network's parameters meet its activations.

  Attributes:
    uses: every site, and how often it occurs in the program.
    uncaptured: parameter path to the reason why its inputs are not captured.
    sizes: parameter path to its number of entries.
  """
  uses: dict[site_lib.Site, int]
  uncaptured: dict[str, str]
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
    out = [text.table(rows), f'{self.covered:.1%} of the parameters are captured.']
    if self.uncaptured:
      rows = [('not captured, frozen by default', 'share', 'because it is')]
      rows += [(path, f'{self.share(path):.1%}', reason)
               for path, reason in self.uncaptured.items()]
      out += ['', text.table(rows)]
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
  leaves = paths.leaf_paths(params)
  paths.check_arrays(leaves)

  def run(params, *args):
    traced = trace.trace(fn, lambda site, inputs: (), params, *args)
    return paths.Static((traced.uses, traced.uncaptured))

  uses, uncaptured = jax.eval_shape(run, params, *args).value
  sizes = {path: math.prod(jnp.shape(leaf)) for path, leaf in leaves.items()}
  return Sites(uses, uncaptured, sizes)
