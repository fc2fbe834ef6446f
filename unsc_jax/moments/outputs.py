"""Second moments on the other side of a layer: of what its outputs do to the network's.

A direction of a layer's outputs along which no retained answer changes is as free as
an unused direction of its inputs.

`B` layers that share a parameter, `o` fan-out, `n` rows of outputs.
"""

from collections.abc import Callable, Iterable
import dataclasses
import functools
import math
import operator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from unsc_jax import capture
from unsc_jax import paths
from unsc_jax import programs
from unsc_jax.capture import trace
from unsc_jax.capture import varying
from unsc_jax.moments import answers
from unsc_jax.moments import gram
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
  Differences of moments are those of the rest only without random draws. Under an axis
  of `jax.pmap` or `jax.shard_map` a device has those of its own examples: sum them with
  `lax.psum`, and draw by a key of its own. Of complex outputs or answers both parts
  count: :math:`\mathrm{Re}(g\, g^\mathsf{H})`. Of what it cannot take, `sites` tells the
  reason: tables read by index, joined parameters, parameters with several uses, and
  what `fn` itself uses in a `jax.shard_map`. A `while_loop` has no backward pass.

  Raises:
    TypeError: `draws` is no number; when called, what comes first is no key, or the
      answers are whole numbers, which have no derivative.
    ValueError: there are to be no draws; when called, no layer has output moments.

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
    if self.draws is not None:
      object.__setattr__(self, 'draws', _number(self.draws))

  def sites(self, params: Any, *args: Any) -> capture.Sites:
    """Which outputs are taken, and why the others are not; nothing is computed.

    Args:
      params: pytree of arrays, or of their shapes.
      *args: as for `fn`.
    """
    found, uncaptured = self._listed(params, *args)
    sizes = {path: math.prod(jnp.shape(leaf))
             for path, leaf in paths.leaf_paths(params).items()}
    return capture.Sites(dict.fromkeys(found, 1), uncaptured, sizes)

  def _listed(self, params, *args) -> tuple[dict[capture.Site, '_Kind'], dict[str, str]]:
    """The sites that are taken, and why the others are not."""
    def run(params, *args):
      tap = _Listing()
      traced = trace.trace(self.fn, lambda site, inputs: (), params, *args, tap=tap)
      uncaptured = {**tap.refused, **traced.uncaptured}
      several = _with_several(traced.uses, tap.kinds)
      uncaptured |= dict.fromkeys(several - set(uncaptured), 'used in several ways')
      return paths.Static(({site: kind for site, kind in tap.kinds.items()
                            if site.path not in uncaptured}, uncaptured))

    return jax.eval_shape(run, params, *args).value

  def __call__(self, key, params, *args) -> tuple[Any, group.Moments]:
    _check_key(key, self.draws)
    found, _ = self._listed(params, *args)
    if not found:
      raise ValueError(
          'no layer has moments of its outputs, and `output_moments(fn).sites(params, x)` '
          'tells why; a filter such as `soft` does with those of its inputs.')
    zeros = {site: _zeros(site, kind) for site, kind in found.items() if self.select(site)}

    def run(sums):
      return trace.trace(
          self.fn, lambda site, inputs: (), params, *args, tap=_Summing(sums)).out

    out, pull = jax.vjp(run, zeros)
    total = answers.total(out, lambda cotangent: pull(cotangent)[0], key, self.draws)
    return out, group.from_sums(total, {})


def _number(draws: Any) -> int:
  """How many draws, if it is a number of them."""
  try:
    count = operator.index(draws)
  except TypeError as error:
    raise TypeError(
        f'draws is a whole number of combinations, or None for the exact sum, and not '
        f'{draws!r}; draw one.') from error
  if count < 1:
    raise ValueError(
        f'{count} combinations say nothing; draw one, or None for the exact sum.')
  return count


def _check_key(key: Any, draws: int | None) -> None:
  """Raises TypeError if parameters came where a key should."""
  dtype = getattr(key, 'dtype', None)
  unread = key is None and draws is None
  if not unread and dtype != jnp.uint32 and not (
      dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)):
    raise TypeError(
        f'`output_moments` takes a key first, `(key, params, *args)`, and not '
        f'a {type(key).__name__}; over batches `accumulate_outputs` hands it on.')


class _Kind(NamedTuple):
  """What sums at a site have to hold."""
  is_complex: bool
  axes: frozenset[str]  # over which they differ inside a `jax.shard_map`

  @classmethod
  def of(cls, y: jax.Array) -> '_Kind':
    return cls(jnp.issubdtype(y.dtype, jnp.complexfloating), varying.axes(y))

  @property
  def dtypes(self) -> tuple[Any, ...]:
    """Of `(second, first, count)`."""
    return jnp.float32, jnp.complex64 if self.is_complex else jnp.float32, jnp.float32


def _with_several(inputs, outputs) -> set[str]:
  """Paths with more than one site on either side."""
  count = lambda sites, path: sum(site.path == path for site in sites)
  return {site.path for site in outputs
          if count(inputs, site.path) > 1 or count(outputs, site.path) > 1}


def _zeros(site: capture.Site, kind: _Kind) -> tuple[jax.Array, ...]:
  """Of `(second, first, count)` at a site, with its batch axes in front."""
  batch = tuple(site.shape[i] for i in site.batch_axis)
  o = site.folded[1]
  shapes = (*batch, o, o), (*batch, o), batch
  return tuple(varying.over(jnp.zeros(shape, dtype), kind.axes)
               for shape, dtype in zip(shapes, kind.dtypes))


class _Listing:
  """A tap that writes down the sites it is asked for."""

  def __init__(self):
    self.kinds: dict[capture.Site, _Kind] = {}
    self.refused: dict[str, str] = {}

  def layer(self, site, place, layout, y):
    del place, layout
    kind, before = _Kind.of(y), self.kinds.get(site, _Kind(False, frozenset()))
    self.kinds[site] = _Kind(
        kind.is_complex or before.is_complex, kind.axes | before.axes)
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
    # The transpose of how own sums lie in the parameter's: its derivative puts them there.
    lay = lambda value: place.deposit(None, place.arrange(value))
    local = [jax.vjp(lay, varying.over(jnp.zeros(shape, total.dtype), varying.axes(total)))
             [1](total)[0] for shape, total in zip(
                 [(b, o, o), (b, o), (b,)], self.sums[site])]
    return _tapped(layout, _Kind.of(local[1]), y, *local)

  def refuse(self, path, reason):
    del path, reason


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _tapped(layout, kind, y, second, first, count):
  """`y`; the derivatives of the others are sums of what reaches it."""
  del layout, kind, second, first, count
  return y


def _forward(layout, kind, y, second, first, count):
  del layout, kind, second, first, count
  return y, None


def _backward(layout, kind, _, g):
  rows = layout.fold(g).conj()  # JAX's are of z where a gradient is of its conjugate
  sums = (gram.full(gram.upper(gram.split(rows))),
          rows.sum(1, dtype=gram.sum_type(rows)),
          jnp.full(len(rows), rows.shape[1], jnp.float32))
  return g, *(varying.over(x.astype(dtype), kind.axes)
              for x, dtype in zip(sums, kind.dtypes))


_tapped.defvjp(_forward, _backward)


def accumulate_outputs(
    moments_fn: output_moments, key: jax.Array, params: Any, batches: Iterable
) -> group.Moments:
  """Sums output moments over a stream of batches, each with draws of its own.

  Args:
    moments_fn: of `output_moments`.
    key: of the draws.
    params: pytree of arrays.
    batches: inputs `x`, one batch after the other, sharded or not. Empty ones, as a
      last one may be, add nothing.

  Returns:
    The moments of all batches together.

  Raises:
    TypeError: batches are pairs, as of inputs and labels, that `fn` cannot take, or
      the moments would be of inputs.
    ValueError: there is no batch, a derivative is NaN or infinite, or no answer has one.
  """
  if isinstance(moments_fn, moments_lib.input_moments):
    raise TypeError(
        'these moments are of inputs, which take no key: sum them with `accumulate`, or '
        'pass `output_moments`.')
  def of(i, x):
    args = moments_fn, jax.random.fold_in(key, i), params, x
    moments_lib.shapes(*args)  # says what is amiss with a batch
    return moments_lib.moments_of(*args)

  total = moments_lib.add_up(
      of(i, x) for i, x in enumerate(batches) if moments_lib.some(x))
  group.check_finite(total)
  if total.by_path and not any(programs.look(_is_read, [m.gross for m in total])):
    raise ValueError(
        'no answer has a derivative with respect to any layer\'s outputs; let the '
        'function return logits, not what is rounded or chosen by them.')
  return total


def _is_read(gross: list[jax.Array]) -> list[jax.Array]:
  return [(x > 0).any() for x in gross]
