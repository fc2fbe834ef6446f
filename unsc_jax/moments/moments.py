"""The pass that takes the moments of a function's layers, over streams of data."""

from collections.abc import Callable, Iterable
import dataclasses
import functools
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp

from unsc_jax import capture
from unsc_jax import programs
from unsc_jax import sharding
from unsc_jax.capture import layers
from unsc_jax.capture import trace
from unsc_jax.moments import group
from unsc_jax.moments import memory
from unsc_jax.moments import sums

MomentsFn = Callable[..., tuple[Any, group.Moments]]
Select = Callable[[capture.Site], bool]


def all_of_them(site_or_path: capture.Site | str) -> bool:
  """Whether to take a site, or data at a path: always."""
  del site_or_path
  return True


@dataclasses.dataclass(frozen=True)
class input_moments:
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
      on all devices together; by default 8 MiB on each. One position of the
      whole batch is the least.

  It is a pure function `(params, *args) -> (fn(params, *args), Moments)`, to be
  transformed like any other. Sums are float32 at the highest precision. Complex
  inputs of a real `W` give :math:`\mathrm{Re}(X^H X)`: what they leave free keeps the
  real and the imaginary part of the outputs.

  Example:
    >>> fn = lambda params, x: x @ params['w']
    >>> x = jnp.array([[1., 2.], [3., 4.]])
    >>> out, moments = input_moments(fn)({'w': jnp.ones((2, 5))}, x)
    >>> moments['w'].second[0].tolist()
    [[10.0, 14.0], [14.0, 20.0]]

  Source: the uncentred covariance of Adam-NSCL and PGU; exact, with the patches
  that a convolution sees (padding, stride, dilation, groups).
  """
  fn: Callable
  _: dataclasses.KW_ONLY
  select: Callable[[capture.Site], bool] = all_of_them
  data: Callable[[str], bool] = all_of_them
  axis_name: str | tuple[str, ...] | None = None
  chunk_bytes: int | None = None

  def __post_init__(self):
    object.__setattr__(self, 'fn', programs.hashable(self.fn))

  def __call__(self, params, *args) -> tuple[Any, group.Moments]:
    traced = trace.trace(self.fn, self._sums, params, *args, data=self.data)
    moments = group.from_sums(traced.values, traced.fixed)
    if self.axis_name is not None:
      moments = lax.psum(moments, self.axis_name)
    return traced.out, moments

  def _sums(self, site: capture.Site, inputs: layers.Inputs):
    if not self.select(site):
      return ()
    return sums.sums(inputs, sums.room(self.chunk_bytes, self.axis_name, inputs))


@functools.partial(jax.jit, static_argnums=0)
def moments_of(moments_fn: Callable, *args: Any) -> Any:
  """What a function of `input_moments` or `sampled_moments` adds to the output."""
  return moments_fn(*args)[1]


@functools.partial(jax.jit, donate_argnums=0)
def add(total: Any, more: Any) -> Any:
  """The sum of two pytrees, in the memory of the first.

  Apart from the pass itself, so that a last batch of another size costs one
  compilation.
  """
  return jax.tree.map(jnp.add, total, more)


def accumulate(moments_fn: MomentsFn, params: Any, batches: Iterable) -> group.Moments:
  """Sums moments over a stream of batches, in one pass and constant memory.

  Args:
    moments_fn: what `input_moments` returned.
    params: pytree of arrays.
    batches: inputs `x`, one batch after the other, sharded or not. Empty ones, as a
      last one may be, add nothing.

  Returns:
    The moments of all batches together.

  Raises:
    TypeError: batches are pairs, as of inputs and labels, that `fn` cannot take.
    ValueError: there is no batch, an input is NaN or infinite, or the moments do not
      fit the memory.

  Example:
    >>> fn = input_moments(lambda params, x: x @ params['w'])
    >>> x = jnp.arange(12.).reshape(6, 2)
    >>> moments = accumulate(fn, {'w': jnp.ones((2, 1))}, [x[:3], x[3:]])
    >>> moments['w'].count.item()
    6.0
  """
  fn = programs.hashable(moments_fn)
  with memory.fits(functools.partial(shapes, fn, params)) as seen:
    total = add_up(moments_of(fn, params, seen(x)) for x in batches if some(x))
  group.check_finite(total)
  return total


def some(x: Any) -> bool:
  """Whether a batch has any rows."""
  return any(jnp.shape(leaf)[:1] != (0,) for leaf in jax.tree.leaves(x))


def shapes(fn: Callable, *args: Any) -> Any:
  """Those of the moments of a batch, which comes last.

  Raises:
    TypeError: it is a pair, as of inputs and labels, that `fn` cannot take.
  """
  x = args[-1]
  try:
    return moments_of.eval_shape(fn, *args)
  except (TypeError, ValueError, AttributeError, IndexError) as error:
    if not isinstance(x, tuple | list) or len(x) != 2:
      raise
    raise TypeError(
        'a batch is a pair that the function cannot be run on; if that is inputs and '
        'labels, pass the inputs alone: `(x for x, y in batches)`.') from error


def add_up(trees: Iterable[Any]) -> Any:
  """The sum of pytrees that come one after the other; they are consumed.

  Raises:
    ValueError: none comes.
  """
  total = None
  for one in trees:
    total = sharding.settle(one if total is None else add(total, one))
    del one  # or it would lie there while the next one is computed
  if total is None:
    raise ValueError('there is no data to take moments of; pass one batch at least.')
  return total
