"""Second moments from a sample of a convolution's positions, and their error.

Neighbouring patches of an image say much the same. A random tenth of them costs a
tenth of the work; what that does to the moments is estimated beside them.

`B` layers, `N` images, `P` positions of which `m` are drawn, `d` fan-in.
"""

from collections.abc import Callable, Iterable
import dataclasses
import itertools
import math
from typing import Any, NamedTuple

import jax
from jax import lax
import jax.numpy as jnp

from unsc_jax import capture
from unsc_jax import programs
from unsc_jax.capture import layers
from unsc_jax.capture import trace
from unsc_jax.capture import varying
from unsc_jax.moments import gram
from unsc_jax.moments import group
from unsc_jax.moments import moments as moments_lib
from unsc_jax.moments import patches
from unsc_jax.moments import sums


class Sampled(NamedTuple):
  """Estimated moments. Those of several batches add up, leaf by leaf.

  Attributes:
    moments: the estimate.
    spread: the difference of two halves of the sample, as large on average as
      the estimate's error.
  """
  moments: group.Moments
  spread: group.Moments

  def relative_error(self) -> dict[str, jax.Array]:
    r"""Path to the estimated :math:`\|\hat M - M\|_F / \|M\|_F`."""
    return {path: _relative(self.spread.by_path[path], uses)
            for path, uses in self.moments.by_path.items()}


@jax.jit
def _relative(spread, moments):
  # Of entries of about 1, lest their squares leave the range of float32.
  size = jnp.stack([jnp.abs(m.second).max() for m in moments]).max()
  size = jnp.where(size > 0, size, 1)
  norm = lambda uses: jnp.sqrt(sum(jnp.sum((m.second / size)**2) for m in uses))
  return norm(spread) / jnp.maximum(norm(moments), 1e-30)


@dataclasses.dataclass(frozen=True)
class sampled_moments:
  r"""As `input_moments`, but with a share of each convolution's positions.

  With `S` a uniform sample of `m` of the `P` positions, the same for all images
  of a batch, and :math:`M_p` the moment of the patches at position `p`,

  .. math:: \hat M = \frac{P}{m} \sum_{p \in S} M_p, \qquad
    \mathrm{E}\, \hat M = M .

  With `S` split at random into halves `A` and `A'`, the error is estimated by

  .. math:: \mathrm{E} \|\hat M - M\|_F^2 = \mathrm{E}\, \Bigl(1 - \frac mP\Bigr)
    \Bigl\| \frac Pm \Bigl(\sum_{p \in A} M_p - \sum_{p \in A'} M_p\Bigr)
    \Bigr\|_F^2 .

  What is no convolution is summed exactly.

  Args:
    fn: any JAX function `fn(params, *args)`.
    share: of the positions, in (0, 1]; two of them are the least.
    select: which sites to capture.
    chunk_bytes: as for `input_moments`.

  It is a pure function `(key, params, *args) -> (fn(params, *args), Sampled)`.

  Raises:
    ValueError: the share is not in (0, 1].

  Example:
    >>> fn = lambda params, x: lax.conv(x, params['w'], (1, 1), 'SAME')
    >>> params = {'w': jnp.ones((1, 1, 3, 3))}
    >>> _, sampled = jax.jit(sampled_moments(fn, .5))(
    ...     jax.random.key(0), params, jnp.ones((4, 1, 8, 8)))
    >>> sampled.moments['w'].count.item()
    256.0

  Source: ours; sampling without replacement from a finite population.
  """
  fn: Callable
  share: float
  _: dataclasses.KW_ONLY
  select: Callable[[capture.Site], bool] = moments_lib.all_of_them
  chunk_bytes: int | None = None

  def __post_init__(self):
    if not 0 < self.share <= 1:
      raise ValueError(
          f'share is that of the positions, in (0, 1], not {self.share}; try .1.')
    object.__setattr__(self, 'fn', programs.hashable(self.fn))

  def __call__(self, key, params, *args) -> tuple[Any, Sampled]:
    draws, room = itertools.count(), sums.room(self.chunk_bytes)

    def visit(site, inputs):
      if not self.select(site):
        return ()
      if isinstance(inputs, layers.Conv):
        places = math.prod(patches.positions(patches.pad(inputs)))
        drawn = min(places, 2 * max(1, round(self.share * places / 2)))
        if drawn < places:
          index = jax.random.permutation(
              jax.random.fold_in(key, next(draws)), places)[:drawn]
          return _estimate(inputs, index, places, room)
      exact = sums.sums(inputs, room)
      return exact, jax.tree.map(jnp.zeros_like, exact)

    traced = trace.trace(self.fn, visit, params, *args)
    pick = lambda by_site, i: {
        site: pair and pair[i] for site, pair in by_site.items()}
    return traced.out, Sampled(*(
        group.from_sums(pick(traced.values, i), pick(traced.fixed, i))
        for i in (0, 1)))


def _estimate(conv: layers.Conv, index: jax.Array, places: int,
              room: int) -> tuple:
  """The sums from the positions `index` `[m]`, and their spread."""
  m = len(index)
  size = patches.divisor(m // 2, patches.at_once(conv, room))

  def half(index):
    def chunk(at):
      rows = patches.extract_at(conv, at)
      return gram.upper(gram.split(rows)), rows.sum(1, dtype=gram.sum_type(rows))

    add = lambda total, at: (jax.tree.map(jnp.add, total, chunk(at)), None)
    zeros = varying.zeros(jax.eval_shape(chunk, index[:size]))
    rows, first = (chunk(index) if size == len(index) else
                   lax.scan(add, zeros, index.reshape(-1, size))[0])
    count = jnp.full(len(first), len(conv.x) * len(index), jnp.float32)
    return gram.full(rows), first, count

  a, b = half(index[:m // 2]), half(index[m // 2:])
  scale, rest = places / m, math.sqrt(1 - m / places)
  return (jax.tree.map(lambda a, b: scale * (a + b), a, b),
          jax.tree.map(lambda a, b: scale * rest * (a - b), a, b))


def accumulate(
    sampled_fn: Callable[..., tuple[Any, Sampled]], key: jax.Array, params: Any,
    batches: Iterable,
) -> Sampled:
  """Sums sampled moments over a stream of batches, each with its own positions.

  Args:
    sampled_fn: what `sampled_moments` returned.
    key: of the positions.
    params: pytree of arrays.
    batches: inputs `x`, one batch after the other.

  Returns:
    The moments of all batches together.

  Raises:
    ValueError: there is no batch, or an input is NaN or infinite.
  """
  fn = programs.hashable(sampled_fn)
  total = moments_lib.add_up(
      moments_lib.moments_of(fn, jax.random.fold_in(key, i), params, x)
      for i, x in enumerate(batches))
  group.check_finite(total.moments)
  return total
