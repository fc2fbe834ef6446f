"""Second moments of the inputs of every layer, for any JAX function.

What a network must keep is written here: a change `D` of a layer's weights
leaves its outputs on some inputs `x` alone if and only if `M D = 0`, where
`M = sum x x^T`. Moments of disjoint data add up, so that those of what remains
are those of everything less those of what is to be forgotten.

`B` layers that share a parameter (stacked, grouped; mostly 1), `d` fan-in,
`n` rows of inputs: patches of a convolution, tokens of a sequence.
"""

from collections.abc import Callable, Iterable
import dataclasses
import functools
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp

from unsc_jax import capture
from unsc_jax import paths
from unsc_jax import sharding
from unsc_jax.capture import layers
from unsc_jax.capture import trace
from unsc_jax.moments import gram
from unsc_jax.moments import patches

Site = capture.Site


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=('second', 'first', 'count', 'fixed'), meta_fields=('site',))
@dataclasses.dataclass(frozen=True)
class Moment:
  """Sums over the inputs of one site.

  Attributes:
    site: which axes of which parameter the inputs meet.
    second: `[B, d, d]` the sum of `x x^T`; for a lookup `[B, d]`, its diagonal:
      how often each row was read.
    first: `[B, d]` the sum of `x`.
    count: `[B]` how many `x` were summed.
    fixed: the part of these three sums that no data reach, None if there is no
      such part. A table of positions, say, is read alike by every batch.
  """
  site: Site
  second: jax.Array
  first: jax.Array
  count: jax.Array
  fixed: tuple[jax.Array, jax.Array, jax.Array] | None = None

  @property
  def mean_square(self) -> jax.Array:
    """`[B, d, d]` (or `[B, d]`): the second moment of a single input."""
    count = jnp.maximum(self.count, 1)
    return self.second / count.reshape(-1, *(1,) * (self.second.ndim - 1))

  @property
  def covariance(self) -> jax.Array:
    """`[B, d, d]`: the second moment about the mean, as LOFT wants it."""
    if self.second.ndim == 2:
      raise ValueError(
          f'{self.site.path} is read by lookups, which have no covariance; use '
          '`mean_square`, the frequency of every row.')
    mean = self.first / jnp.maximum(self.count, 1)[:, None]
    return self.mean_square - mean[:, :, None] * mean[:, None, :]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Moments(paths.ByPath[Moment]):
  """The moments of a network's inputs, a group under addition.

  `M_all - M_forget` is exact if every example meets each layer with the same
  inputs, equally often, in whatever batch it comes: not with batch statistics or
  random numbers, nor where an argument that a batch shares meets a parameter,
  once a batch, unless `data` of `input_moments` tells it apart.
  """

  def __add__(self, other: 'Moments') -> 'Moments':
    _check_same(self, other)
    return jax.tree.map(jnp.add, self, other)

  def __sub__(self, other: 'Moments') -> 'Moments':
    _check_same(self, other)
    is_moment = lambda x: isinstance(x, Moment)
    return jax.tree.map(_less, self, other, is_leaf=is_moment)

  def __mul__(self, scale: float) -> 'Moments':
    return jax.tree.map(lambda leaf: leaf * scale, self)

  __rmul__ = __mul__


def _less(a: Moment, b: Moment) -> Moment:
  """What is left of `a` without the data of `b`.

  What no data reach stays: the data that remain need it just as much.
  """
  rest = jax.tree.map(jnp.subtract, a, b)
  if b.fixed is None:
    return rest
  sums = map(jnp.add, (rest.second, rest.first, rest.count), b.fixed)
  return Moment(a.site, *sums, fixed=a.fixed)


def _check_same(a: Moments, b: Moments) -> None:
  if jax.tree.structure(a) == jax.tree.structure(b):
    return
  apart = set(a.by_path) ^ set(b.by_path) or {
      m.site.path for m, n in zip(a, b) if m.site != n.site}
  raise ValueError(
      f'these moments belong to different networks, they differ at '
      f'{", ".join(sorted(apart))}; add only moments of the same function.')


MomentsFn = Callable[..., tuple[Any, Moments]]


def input_moments(
    fn: Callable, *,
    select: Callable[[Site], bool] = lambda site: True,
    data: Callable[[str], bool] = lambda path: True,
    axis_name: str | tuple[str, ...] | None = None,
    chunk_bytes: int | None = None,
) -> MomentsFn:
  r"""Makes a function return the moments of all its layers' inputs as well.

  For every layer `y = x W` inside `fn`, with rows `x_i` of its inputs,

  .. math:: M = \sum_{i=1}^n x_i x_i^\top .

  A parameter that is not used by layers alone has no moments; `sites` says why.

  Args:
    fn: any JAX function `fn(params, *args)`: a bound Flax `apply`, Haiku,
      Equinox or hand-written code.
    select: which sites to capture; a parameter left out will be frozen. Leave
      out a layer whose `d` is too large for a `[d, d]` matrix.
    data: which leaves of `args` hold the examples, by path: `'1/start'` is in
      the second. Of what a whole batch shares, an offset of its positions say,
      it has to be false, if moments are ever to be subtracted; see `Moments`.
    axis_name: axis to sum over, under `jax.pmap` or `jax.shard_map`. Under
      `jax.jit` with sharded inputs none is needed.
    chunk_bytes: how much memory the patches of a convolution may take at once,
      on all devices together; by default 16 MiB on each. One position of the
      whole batch is the least.

  Returns:
    A pure function `(params, *args) -> (fn(params, *args), Moments)`, to be
    transformed like any other. Sums are float32 at the highest precision.

  Example:
    >>> fn = lambda params, x: x @ params['w']
    >>> x = jnp.array([[1., 2.], [3., 4.]])
    >>> out, moments = input_moments(fn)({'w': jnp.ones((2, 5))}, x)
    >>> moments['w'].second[0].tolist()
    [[10.0, 14.0], [14.0, 20.0]]

  Source: the uncentred covariance of Adam-NSCL and PGU; exact, with the patches
  that a convolution sees (padding, stride, dilation, groups).
  """
  def visit(site: Site, inputs: layers.Inputs):
    if not select(site):
      return ()
    return sums(inputs, room(chunk_bytes, axis_name, inputs))

  def with_moments(params, *args):
    traced = trace.trace(fn, visit, params, *args, data=data)
    moments = from_sums(traced.values, traced.fixed)
    if axis_name is not None:
      moments = lax.psum(moments, axis_name)
    return traced.out, moments

  return with_moments


def room(
    chunk_bytes: int | None, axis_name: str | tuple[str, ...] | None = None,
    inputs: Any = (),
) -> int:
  """How much memory patches may take at once: by default 16 MiB on each device.

  Under `jit` a batch is that of all devices of its mesh, under an axis that of one.
  """
  if chunk_bytes is not None:
    return chunk_bytes
  return 16 * 2**20 * (1 if axis_name else sharding.devices_of(inputs))


def from_sums(values: dict[Site, Any], fixed: dict[Site, Any]) -> Moments:
  """Moments from what `trace.trace` found, `(second, first, count)` at each site.

  A parameter with a site that has no sums is left out.
  """
  by_path: dict[str, tuple[Moment, ...]] = {}
  skipped = {site.path for site, sums in values.items() if not sums}
  for site, sums in sorted(values.items()):
    if site.path not in skipped:
      part = fixed.get(site)
      moment = Moment(site, *_flat(site, sums), fixed=part and _flat(site, part))
      by_path[site.path] = (*by_path.get(site.path, ()), moment)
  return Moments(by_path)


def _flat(site: Site, sums: Any) -> Any:
  """Sums with one leading axis for all of a site's layers."""
  batch = len(site.batch_axis)
  return tuple(leaf.reshape(-1, *leaf.shape[batch:]) for leaf in sums)


def sums(inputs: layers.Inputs, chunk_bytes: int) -> tuple[jax.Array, ...]:
  """`(second, first, count)` of a layer's inputs, in the layer's own order."""
  if isinstance(inputs, layers.Lookup):
    return inputs.counts, inputs.counts, inputs.counts.sum(-1)
  if isinstance(inputs, layers.Conv):
    rows = patches.sum_over_patches(
        lambda conv: gram.upper(gram.split_patches(conv)), inputs, chunk_bytes)
    first, count = patches.total(inputs), patches.count(inputs)
  else:
    rows = gram.upper(gram.split(inputs.x))
    first, count = inputs.x.sum(1, dtype=jnp.float32), inputs.x.shape[1]
  return gram.full(rows), first, jnp.full(len(first), count, jnp.float32)


def accumulate(moments_fn: MomentsFn, params: Any, batches: Iterable) -> Moments:
  """Sums moments over a stream of batches, in one pass and constant memory.

  Args:
    moments_fn: what `input_moments` returned.
    params: pytree of arrays.
    batches: inputs `x`, one batch after the other, sharded or not.

  Returns:
    The moments of all batches together.

  Raises:
    ValueError: there is no batch, or an input is NaN or infinite.

  Example:
    >>> fn = input_moments(lambda params, x: x @ params['w'])
    >>> x = jnp.arange(12.).reshape(6, 2)
    >>> moments = accumulate(fn, {'w': jnp.ones((2, 1))}, [x[:3], x[3:]])
    >>> moments['w'].count.item()
    6.0
  """
  total = add_up(_jitted(moments_fn)(params, x) for x in batches)
  check_finite(total)
  return total


def add_up(found: Iterable[Any]) -> Any:
  """The sum of pytrees that come one after the other; they are consumed.

  Raises:
    ValueError: none comes.
  """
  total = None
  for one in found:
    total = sharding.settle(one if total is None else _add(total, one))
    del one  # or it would lie there while the next one is computed
  if total is None:
    raise ValueError('there is no data to take moments of; pass one batch at least.')
  return total


@functools.lru_cache(maxsize=64)
def _jitted(moments_fn: MomentsFn) -> Callable[..., Moments]:
  return jax.jit(lambda params, x: moments_fn(params, x)[1])


# Apart from the pass itself, so that a last batch of another size costs one
# compilation; the old sum's memory serves the new one.
_add = jax.jit(lambda a, b: jax.tree.map(jnp.add, a, b), donate_argnums=0)


def check_finite(moments: Moments) -> None:
  """Raises if a moment is NaN or infinite, naming the parameter."""
  finite = jax.tree.map(lambda leaf: jnp.isfinite(leaf).all(), moments)
  for moment in finite:
    if not all(jax.device_get(jax.tree.leaves(moment))):
      raise ValueError(
          f'the inputs that meet {moment.site.path} are NaN or infinite; check '
          'the data and the parameters before taking moments.')
