"""Second moments on the other side of a layer: of what its outputs do to the network's.

A direction of a layer's outputs along which no retained answer changes is as free as
an unused direction of its inputs.

`B` layers that share a parameter, `o` fan-out, `n` rows of outputs.
"""

from collections.abc import Callable, Iterable
import dataclasses
import functools
import math
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from unsc_jax import capture
from unsc_jax import paths
from unsc_jax import programs
from unsc_jax.capture import trace
from unsc_jax.moments import group
from unsc_jax.moments import moments as moments_lib


@dataclasses.dataclass(frozen=True)
class output_moments:
  r"""The second moments of a network's Jacobian at all its layers' outputs.

  For every layer `y = x W` inside `fn`, with rows `y_i` of its outputs and a random
  combination `c` of the answers to each example, :math:`E\,c c^\top = I`,

  .. math:: G = \sum_{i=1}^n g_i g_i^\top, \qquad
    g_i = \frac{\partial\, c^\top f}{\partial y_i}, \qquad
    E\,G = \sum_i J_i^\top J_i

  so that `G` says along which of its outputs a layer is read. They are `Moments` whose
  sites contract the parameter's output axes; they add up over data.

  Args:
    fn: any JAX function `fn(params, *args)`, differentiable, whose answers have
      examples in front.
    select: which sites to take; leave out a layer with too many outputs for an
      `[o, o]` matrix. Its `kind` is 'output'.
    draws: how many random combinations to average over, each a backward pass; None
      for the exact sum, which takes one for every entry of an answer.

  It is a pure function `(key, params, *args) -> (fn(params, *args), Moments)`.
  Differences of moments are those of the rest only without random draws. Of what it
  cannot take, `sites` tells the reason: tables read by index, joined parameters, and
  parameters with several uses. A `while_loop` has no backward pass.

  Example:
    >>> fn = lambda params, x: (x @ params['w']) @ jnp.array([[2.], [0.]])
    >>> _, G = jax.jit(output_moments(fn, draws=None))(
    ...     jax.random.key(0), {'w': jnp.ones((3, 2))}, jnp.ones((5, 3)))
    >>> G['w'].second[0].tolist()
    [[20.0, 0.0], [0.0, 0.0]]

  Source: K-FAC's second factor (Martens and Grosse, 2015), for the metric of the
  answers themselves; for convolutions KFC's, summed over positions.
  """
  fn: Callable
  _: dataclasses.KW_ONLY
  select: Callable[[capture.Site], bool] = moments_lib.all_of_them
  draws: int | None = 1

  def __post_init__(self):
    object.__setattr__(self, 'fn', programs.hashable(self.fn))
    if self.draws is not None and self.draws < 1:
      raise ValueError(
          f'{self.draws} combinations say nothing; draw one, or None for the exact sum.')

  def sites(self, params: Any, *args: Any) -> capture.Sites:
    """Which outputs are taken, and why the others are not; nothing is computed.

    Args:
      params: pytree of arrays, or of their shapes.
      *args: as for `fn`.
    """
    def run(params, *args):
      tap = _Listing()
      traced = trace.trace(self.fn, lambda site, inputs: (), params, *args, tap=tap)
      uncaptured = {**tap.refused, **traced.uncaptured}
      several = _with_several(traced.uses, tap.uses)
      uncaptured |= dict.fromkeys(several - set(uncaptured), 'used in several ways')
      return paths.Static(({site: n for site, n in tap.uses.items()
                            if site.path not in uncaptured}, uncaptured))

    uses, uncaptured = jax.eval_shape(run, params, *args).value
    sizes = {path: math.prod(jnp.shape(leaf))
             for path, leaf in paths.leaf_paths(params).items()}
    return capture.Sites(uses, uncaptured, sizes)

  def __call__(self, key, params, *args) -> tuple[Any, group.Moments]:
    taken = [site for site in self.sites(params, *args).uses if self.select(site)]
    zeros = {site: _zeros(site) for site in taken}

    def run(sums):
      return trace.trace(
          self.fn, lambda site, inputs: (), params, *args, tap=_Summing(sums)).out

    out, pull = jax.vjp(run, zeros)
    total = _total(out, lambda cotangent: pull(cotangent)[0], key, self.draws)
    return out, group.from_sums(total, {})


def _with_several(inputs, outputs) -> set[str]:
  """Paths with more than one site on either side."""
  count = lambda sites, path: sum(site.path == path for site in sites)
  return {site.path for site in outputs
          if count(inputs, site.path) > 1 or count(outputs, site.path) > 1}


def _zeros(site: capture.Site) -> tuple[jax.Array, ...]:
  """Of `(second, first, count)` at a site, with its batch axes in front."""
  batch = tuple(site.shape[i] for i in site.batch_axis)
  o = site.folded[1]
  shapes = (*batch, o, o), (*batch, o), batch
  return tuple(jnp.zeros(shape, jnp.float32) for shape in shapes)


def _total(out, sums_of, key, draws):
  """The sums for random combinations of the answers, or for each entry of them."""
  leaves, tree = jax.tree.flatten(out)
  real = [jnp.issubdtype(leaf.dtype, jnp.inexact) for leaf in leaves]
  none = lambda leaf: np.zeros(leaf.shape, jax.dtypes.float0)
  if draws is not None:
    def one(key):
      keys = jax.random.split(key, len(leaves))
      return sums_of(tree.unflatten(
          jax.random.rademacher(k, leaf.shape, leaf.dtype) if ok else none(leaf)
          for k, leaf, ok in zip(keys, leaves, real)))

    if draws == 1:
      return one(key)
    return jax.tree.map(lambda x: x.mean(0), lax.map(one, jax.random.split(key, draws)))
  widths = [math.prod(leaf.shape[1:]) if ok else 0 for leaf, ok in zip(leaves, real)]
  total: dict = {}
  for at, width in enumerate(widths):
    def entry(i, at=at):
      unit = lambda leaf: jnp.broadcast_to(
          (jnp.arange(widths[at]) == i).reshape(leaf.shape[1:]), leaf.shape)
      return sums_of(tree.unflatten(
          (unit(leaf) if j == at else jnp.zeros_like(leaf)).astype(leaf.dtype) if ok
          else none(leaf) for j, (leaf, ok) in enumerate(zip(leaves, real))))

    if width:
      each = lax.map(entry, jnp.arange(width))
      found = {site: (second.sum(0), first.sum(0), count[0])
               for site, (second, first, count) in each.items()}
      total = {site: (*map(jnp.add, total[site][:2], sums[:2]), sums[2])
               for site, sums in found.items()} if total else found
  return total


class _Listing:
  """A tap that writes down the sites it is asked for."""

  def __init__(self):
    self.uses: dict[capture.Site, int] = {}
    self.refused: dict[str, str] = {}

  def layer(self, site, place, layout, y):
    del place, layout
    self.uses.setdefault(site, 1)
    return y

  def refuse(self, path, reason):
    self.refused.setdefault(path, reason)


@dataclasses.dataclass(frozen=True)
class _Summing:
  """A tap by whose derivative the sums of its sites come out."""
  sums: dict[capture.Site, tuple[jax.Array, ...]]

  def layer(self, site, place, layout, y) -> Any:
    if site not in self.sums:
      return y
    b, _, o = layout.sizes
    own = [(b, o, o), (b, o), (b,)]
    # The transpose of how own sums lie in the parameter's: its derivative puts them there.
    lay = lambda value: place.deposit(None, place.arrange(value))
    local = [jax.linear_transpose(lay, jax.ShapeDtypeStruct(shape, jnp.float32))(total)[0]
             for shape, total in zip(own, self.sums[site])]
    return _tapped(layout, y, *local)

  def refuse(self, path, reason):
    del path, reason


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _tapped(layout, y, second, first, count):
  """`y`; the derivatives of the others are sums of what reaches it."""
  del layout, second, first, count
  return y


def _forward(layout, y, second, first, count):
  del layout, second, first, count
  return y, None


def _backward(layout, _, g):
  rows = layout.fold(g).astype(jnp.float32)
  second = jnp.einsum('bni,bnj->bij', rows, rows, precision=lax.Precision.HIGHEST)
  return g, second, rows.sum(1), jnp.full(len(rows), rows.shape[1], jnp.float32)


_tapped.defvjp(_forward, _backward)


def accumulate_outputs(
    moments_fn: output_moments, key: jax.Array, params: Any, batches: Iterable
) -> group.Moments:
  """Sums output moments over a stream of batches, each with draws of its own.

  Args:
    moments_fn: of `output_moments`.
    key: of the draws.
    params: pytree of arrays.
    batches: inputs `x`, one batch after the other, sharded or not.

  Returns:
    The moments of all batches together.

  Raises:
    ValueError: there is no batch, or a derivative is NaN or infinite.
  """
  total = moments_lib.add_up(
      moments_lib.moments_of(moments_fn, jax.random.fold_in(key, i), params, x)
      for i, x in enumerate(batches))
  group.check_finite(total)
  return total
