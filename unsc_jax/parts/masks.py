"""Which weights may change: saliency scores, masks, and an optimiser confined.

Scores and masks are pytrees like the parameters; a mask is 1 where an entry may
change and 0 where not.
"""

from collections.abc import Callable, Mapping
import dataclasses
import functools
from typing import Any, NamedTuple

import jax
from jax import flatten_util
import jax.numpy as jnp
import optax

from unsc_jax import capture
from unsc_jax import paths
from unsc_jax import programs
from unsc_jax.problem import trainable as trainable_lib


def top(scores: Any, share: float) -> Any:
  r"""Marks the largest scores of all parameters together.

  .. math:: m_j = 1 \iff \mathrm{rank}(s_j) \le \lfloor \alpha P \rfloor

  Args:
    scores: pytree of arrays; an entry of minus infinity is never marked, nor
      counted.
    share: of the `P` entries that count, in [0, 1].

  Returns:
    A pytree of booleans. Exactly that many are marked: ties go by position.

  Raises:
    ValueError: the share is not in [0, 1].

  Example:
    >>> print(top({'a': jnp.array([3., 1.]), 'b': jnp.array([2., 0.])}, .5)['a'])
    [ True False]
  """
  if not 0 <= share <= 1:
    raise ValueError(
        f'share is the part of the entries to mark, in [0, 1], not {share}.')
  return _largest(scores, int(share * int(programs.look(_scored, scores))))


def _scored(scores: Any) -> Any:
  """How many entries have a score."""
  return sum((leaf > -jnp.inf).sum() for leaf in jax.tree.leaves(scores))


@jax.jit
def _largest(scores: Any, count: int) -> Any:
  """Marks so many; what has no score comes last."""
  flat, unravel = flatten_util.ravel_pytree(scores)
  order = jnp.argsort(flat, descending=True, stable=True)
  marked = jnp.zeros_like(flat).at[order].set((jnp.arange(flat.size) < count).astype(flat.dtype))
  return jax.tree.map(lambda leaf: leaf > 0, unravel(marked))


def only_trainable(
    scores: Any, trainable: Callable[[str], bool], otherwise: float = -jnp.inf
) -> Any:
  """Takes the scores of what no optimiser may touch, such as running statistics.

  Evaluation reads running statistics too, so they have gradients like weights.

  Args:
    scores: pytree of arrays.
    trainable: tells by path whose scores count, see `Problem.trainable`.
    otherwise: what the others get.

  Returns:
    A pytree like `scores`.

  Example:
    >>> scores = {'mean': jnp.ones(1), 'w': jnp.ones(1)}
    >>> print(only_trainable(scores, lambda path: path == 'w')['mean'])
    [-inf]
  """
  return jax.tree_util.tree_map_with_path(
      lambda path, s: s if trainable(paths.path_name(path))
      else jnp.full_like(s, otherwise), scores)


@jax.jit
def absolute(gradient: Any) -> Any:
  """SalUn's score, the size of the gradient: `|g|`."""
  return jax.tree.map(jnp.abs, gradient)


@jax.jit
def weighted(gradient: Any, params: Any) -> Any:
  """SNIP's and DEL's score, the gradient weighted by the weight: `|w g|`."""
  weigh = lambda g, w: jnp.abs(g * w) if trainable_lib.is_floating(w) else g
  return jax.tree.map(weigh, gradient, params)


def by_channel(
    scores: Any, sites: Mapping[str, capture.Site],
    share: float | Callable[[capture.Site], int] = .1,
) -> Any:
  r"""Gives every weight of a channel the channel's score.

  .. math:: c_o = \frac{1}{h} \sum \text{the } h \text{ largest of } s_{:,o}

  Args:
    scores: pytree of arrays.
    sites: path to the site of every parameter that has channels: those are what
      the site does not contract. Others keep their own scores.
    share: of a channel's `d` weights, at least one, that make its score; or
      from a site to their number `h`.

  Returns:
    A pytree like `scores`.

  Example:
    >>> site = capture.Site('w', (2, 2), (0,))
    >>> scores = {'w': jnp.array([[1., 2.], [3., 0.]])}
    >>> print(by_channel(scores, {'w': site}, 1.)['w'])
    [[2. 1.]
     [2. 1.]]
  """
  def one(path, score):
    site = sites.get(paths.path_name(path))
    if site is None:
      return score
    d = site.folded[1]
    h = share(site) if callable(share) else int(share * d)
    h = min(max(h, 1), d)
    folded = site.fold(score)  # [B, d, o]
    mean = jax.lax.top_k(folded.swapaxes(1, 2), h)[0].mean(-1)  # [B, o]
    spread = jnp.broadcast_to(mean[:, None], folded.shape)
    return site.unfold(spread, score.shape)
  return jax.tree_util.tree_map_with_path(one, scores)


class MaskedState(NamedTuple):
  """State of `confine`."""
  mask: dict[str, jax.Array]
  inner: optax.OptState


def confine(
    optimizer: optax.GradientTransformation, mask: Any
) -> optax.GradientTransformationExtraArgs:
  r"""Runs any optimiser on the marked entries alone: mask, step, mask.

  .. math:: \Delta\theta = m \odot \mathrm{opt}(m \odot g)

  The outer mask holds back what momentum, weight decay and adaptive steps would
  move although its gradient is masked, which is how masks leak.

  Args:
    optimizer: any Optax optimiser, weight decay and all.
    mask: pytree like the parameters, 1 where an entry may change.

  Returns:
    The optimiser, confined. The mask lives in its state.

  Raises:
    ValueError: on `init`, where a parameter has no mask of its shape.

  Example:
    >>> tx = confine(optax.adamw(.5, weight_decay=1.), jnp.array([1., 0.]))
    >>> w = jnp.ones(2)
    >>> update, _ = tx.update(w, tx.init(w), w)
    >>> print(update.round())
    [-1.  0.]

  Source: SalUn (arXiv 2310.12508), with the later fix of its code, which puts
  masked weights and momentum back after the step.
  """
  return optax.GradientTransformationExtraArgs(
      programs.holding(
          functools.partial(_start, optimizer.init), paths.leaf_paths(mask)),
      _Confined(programs.update_of(optimizer)))


def _start(init: Callable, by_path: Mapping[str, jax.Array], params: Any) -> MaskedState:
  for path, leaf in paths.leaf_paths(params).items():
    if path not in by_path or by_path[path].shape != jnp.shape(leaf):
      raise ValueError(
          f'the mask does not fit {path}; make it of gradients of the same '
          'parameters.')
  own = jax.tree.map(lambda m: jnp.array(m, bool), by_path)
  return MaskedState(own, programs.begin(init, params))


@dataclasses.dataclass(frozen=True)
class _Confined:
  """The update of `confine`: equal for all masks, as a step is."""
  inner: programs.Update

  def __call__(self, updates, state, params=None, **extra) -> Any:
    hold = lambda tree: jax.tree_util.tree_map_with_path(
        lambda path, u: jnp.where(state.mask[paths.path_name(path)], u, 0), tree)
    updates, inner_state = self.inner(hold(updates), state.inner, params, **extra)
    return hold(updates), MaskedState(state.mask, inner_state)
