"""Only the last layers learn again: CF-k and EU-k."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax

from unsc_jax import capture
from unsc_jax import parts
from unsc_jax import paths
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.parts import edits
from unsc_jax.parts import head
from unsc_jax.parts import lengths
from unsc_jax.parts import masks
from unsc_jax.parts import objectives
from unsc_jax.parts import optimizers
from unsc_jax.parts import passes
from unsc_jax.parts import schedules


def cf_k(
    optimizer: optax.GradientTransformation | None = None, *,
    k: int = 1, steps: int | None = None, epochs: float | None = None,
    batch_size: int = 128,
) -> problem_lib.Method:
  r"""Catastrophic forgetting of the last `k` layers.

  .. math:: \min_{\theta_{-k:}} \mathrm{CE}(f_\theta(x), y), \quad
    (x, y) \in D_r

  The layers are the captured ones in the order in which they run, each with the
  parameters beside its kernel; everything else is frozen, norms included. Where they
  lie together with those of layers before, as in a flat dictionary, only the head's
  bias is told from theirs. For whole classes and for single examples.

  Args:
    optimizer: any of Optax; SGD at 1e-2, momentum .9 and weight decay 5e-4.
    k: how many layers.
    steps: updates to make.
    epochs: instead, over the retained data; 10 if neither is given.
    batch_size: retain examples a step.

  Returns:
    The method. Cost: up to `3 * epochs` passes over the retained data;
    the forget set is not touched.

  Raises:
    ValueError: when used: the network has fewer layers.

  Example:
    >>> method = cf_k(optax.sgd(.05, momentum=.9), k=2)  # the last two layers

  Source: Goel et al. (arXiv 2201.06640), exact from code for networks without
  norms after their last layers.
  """
  return _last_k('cf_k', None, optimizer, k, _retained(steps, epochs, batch_size))


def eu_k(
    optimizer: optax.GradientTransformation | None = None, *,
    k: int = 1, steps: int | None = None, epochs: float | None = None,
    batch_size: int = 128,
) -> problem_lib.Method:
  r"""Exact unlearning of the last `k` layers: reset, then trained again.

  .. math:: \theta_{-k:} \leftarrow \theta'_{-k:}, \quad \text{then as CF-}k

  With `k` all layers it is retraining. The layers before keep what they know.
  For whole classes and for single examples.

  Args:
    optimizer: as for `cf_k`.
    k: how many layers.
    steps: updates to make.
    epochs: instead, over the retained data; 10 if neither is given.
    batch_size: retain examples a step.

  Returns:
    The method. Cost: as `cf_k`, and two passes over the retained data for the running
    statistics of norms that follow a reset layer. It needs `Network.init`, whose
    initialisation takes the place of the published code's Kaiming normal.

  Raises:
    ValueError: when used: the network has fewer layers, or no `init`.

  Example:
    >>> method = eu_k(optax.sgd(.05, momentum=.9), k=2)  # the last two layers

  Source: as `cf_k`.
  """
  def edit(problem, key):
    chosen = masks.only_trainable(last(problem, k), problem.trainable, False)
    reset = edits.reset(problem.params, training.fresh(problem.network, key), chosen)
    # Statistics that come out the same with the reset layers as without are those of
    # layers before, and stay as they were.
    with_them, without = (problem.network.finish(params, problem.retain.x)
                          for params in (reset, problem.params))
    return jax.tree.map(lambda was, new, old: was if _same(new, old) else new,
                        problem.params, with_them, without)
  return _last_k('eu_k', edit, optimizer, k, _retained(steps, epochs, batch_size))


def _same(a: jax.Array, b: jax.Array) -> bool:
  """To the bit; what is no real number, as counters and random keys, was not reset."""
  return not jnp.issubdtype(a.dtype, jnp.inexact) or np.array_equal(a, b)


def _retained(steps, epochs, batch_size):
  return schedules.retain_only(
      steps, batch_size, epochs=lengths.unless(steps, epochs, 10))


def _last_k(name, edit, optimizer, k, schedule):
  def transform(problem, params, key):
    del params, key
    return parts.Confined(masks.confine(
        optimizer or optimizers.sgd(), last(problem, k)))

  return parts.compose(
      edit=edit,
      objective=objectives.objective(retain=objectives.cross_entropy),
      transform=transform, schedule=schedule, name=name)


def last(problem: problem_lib.Problem, k: int):
  """Marks the parameters of the last `k` layers, a pytree of booleans."""
  sites = passes.sites(problem)
  layers = list(sites)
  if not 1 <= k <= len(layers):
    raise ValueError(
        f'k is {k}, but the network has {len(layers)} captured layers; choose '
        f'one of 1 to {len(layers)}.')
  chosen = layers[-k:]
  # What lies in one place with a layer that stays may be that layer's own.
  whole = {*map(_parent, chosen)} - {*map(_parent, layers[:-k])}
  if k < len(layers):
    whole -= {''}  # the network itself
  mixed = [path for path in chosen if _parent(path) not in whole]
  beside = _of_head(problem, sites, mixed)

  def mark(path, leaf):
    name = paths.path_name(path)
    return jnp.full(jnp.shape(leaf), name in (*chosen, *beside) or (
        name not in layers and _parent(name) in whole))
  return jax.tree_util.tree_map_with_path(mark, problem.params)


def _of_head(problem: problem_lib.Problem, sites: Mapping[str, capture.Site],
             layers: Sequence[str]) -> tuple[str, ...]:
  """The head's parameters, if it is among some layers."""
  if all(sites[path].kind != 'dense' for path in layers):
    return ()
  own = head.parameters(problem)
  return own if own[0] in layers else ()


def _parent(path: str) -> str:
  return path.rpartition('/')[0]
