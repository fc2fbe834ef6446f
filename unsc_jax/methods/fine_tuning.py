"""Training on what remains: all weights, with a penalty, or the last layers alone."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from unsc_jax import parts
from unsc_jax import paths
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.parts import edits
from unsc_jax.parts import masks
from unsc_jax.parts import objectives
from unsc_jax.parts import optimizers
from unsc_jax.parts import passes
from unsc_jax.parts import schedules


def fine_tune(
    optimizer: optax.GradientTransformation | None = None, *,
    steps: int = 200, batch_size: int = 128,
) -> problem_lib.Method:
  r"""Trains on with the retained data alone.

  .. math:: \min_\theta \mathrm{CE}(f_\theta(x), y), \quad (x, y) \in D_r

  Forgetting happens by chance: a loss that is zero already moves nothing. For
  whole classes and for single examples.

  Args:
    optimizer: any of Optax; SGD at 1e-2, momentum .9 and weight decay 5e-4.
    steps: updates to make.
    batch_size: retain examples a step.

  Returns:
    The method. Cost: `3 * steps * batch_size` passes over retained data; the
    forget set is not touched.

  Example:
    >>> method = fine_tune(optax.sgd(.01, momentum=.9), steps=100)

  Source: FT of the field's tables, exact from SalUn's code (10 epochs) but for
  dropout and running statistics, which are at rest here.
  """
  return parts.compose(
      objective=objectives.objective(retain=objectives.cross_entropy),
      transform=optimizer or optimizers.sgd(),
      schedule=schedules.retain_only(steps, batch_size))


class SignDecayState(NamedTuple):
  """State of `add_sign_decay`."""
  count: jax.Array


def add_sign_decay(
    weight: optax.ScalarOrSchedule
) -> optax.GradientTransformation:
  r"""Adds the gradient of an l1 penalty: :math:`g + \alpha_t \mathrm{sign}
  \theta`.

  Args:
    weight: of the penalty, or its schedule.

  Returns:
    The transformation.

  Example:
    >>> tx = add_sign_decay(.5)
    >>> w = jnp.array([-2., 3.])
    >>> print(tx.update(jnp.zeros(2), tx.init(w), w)[0])
    [-0.5  0.5]
  """
  def init_fn(params):
    del params
    return SignDecayState(jnp.zeros((), jnp.int32))

  def update_fn(updates, state, params=None):
    if params is None:
      raise ValueError('weight decay needs the parameters: call update(updates, state, params).')
    now = weight(state.count) if callable(weight) else weight
    updates = jax.tree.map(lambda g, w: g + now * jnp.sign(w), updates, params)
    return updates, SignDecayState(state.count + 1)

  return optax.GradientTransformation(init_fn, update_fn)


def l1_sparse(
    optimizer: optax.GradientTransformation | None = None, *,
    alpha: float = 5e-4, steps: int = 200, batch_size: int = 128,
) -> problem_lib.Method:
  r"""Fine-tunes on the retained data with a fading l1 penalty.

  .. math:: \min_\theta \mathrm{CE}_{D_r} + \alpha (1 - t / T) \|\theta\|_1

  For whole classes and for single examples.

  Args:
    optimizer: any of Optax; SGD at 1e-2, momentum .9. The penalty's gradient is
      part of what it sees.
    alpha: weight of the penalty at the first step; it fades to zero.
    steps: `T`, updates to make.
    batch_size: retain examples a step.

  Returns:
    The method. Cost: `3 * steps * batch_size` passes over retained data; the
    forget set is not touched.

  Example:
    >>> method = l1_sparse(optax.sgd(.05, momentum=.9), alpha=2e-3, steps=300)

  Source: Jia et al. (arXiv 2304.04934), exact from code, with the fading by
  step rather than by epoch. `alpha` is 5e-4 in the paper, from memory, 1e-4 in
  Scissorhands' code and 7e-5 in DEL's.
  """
  fading = optax.linear_schedule(alpha, 0., steps)
  return parts.compose(
      objective=objectives.objective(retain=objectives.cross_entropy),
      transform=optax.chain(
          add_sign_decay(fading), optimizer or optax.sgd(.01, momentum=.9)),
      schedule=schedules.retain_only(steps, batch_size))


def cf_k(
    optimizer: optax.GradientTransformation | None = None, *,
    k: int = 1, steps: int = 200, batch_size: int = 128,
) -> problem_lib.Method:
  r"""Catastrophic forgetting of the last `k` layers.

  .. math:: \min_{\theta_{-k:}} \mathrm{CE}(f_\theta(x), y), \quad
    (x, y) \in D_r

  The layers are the captured ones in the order in which they run, each with the
  parameters beside its kernel; everything else is frozen, norms included. For
  whole classes and for single examples.

  Args:
    optimizer: any of Optax; SGD at 1e-2, momentum .9 and weight decay 5e-4.
    k: how many layers.
    steps: updates to make.
    batch_size: retain examples a step.

  Returns:
    The method. Cost: up to `3 * steps * batch_size` passes over retained data;
    the forget set is not touched.

  Raises:
    ValueError: when used: the network has fewer layers.

  Example:
    >>> method = cf_k(optax.sgd(.05, momentum=.9), k=2)  # the last two layers

  Source: Goel et al. (arXiv 2201.06640), exact from code for networks without
  norms after their last layers.
  """
  return _last_k(None, optimizer, k, steps, batch_size)


def eu_k(
    optimizer: optax.GradientTransformation | None = None, *,
    k: int = 1, steps: int = 200, batch_size: int = 128,
) -> problem_lib.Method:
  r"""Exact unlearning of the last `k` layers: reset, then trained again.

  .. math:: \theta_{-k:} \leftarrow \theta'_{-k:}, \quad \text{then as CF-}k

  With `k` all layers it is retraining. The layers before keep what they know.
  For whole classes and for single examples.

  Args:
    optimizer: as for `cf_k`.
    k: how many layers.
    steps: updates to make.
    batch_size: retain examples a step.

  Returns:
    The method. Cost: as `cf_k`. It needs `Network.init`, whose initialisation
    takes the place of the published code's Kaiming normal.

  Raises:
    ValueError: when used: the network has fewer layers, or no `init`.

  Example:
    >>> method = eu_k(optax.sgd(.05, momentum=.9), k=2)  # the last two layers

  Source: as `cf_k`.
  """
  def edit(problem, key):
    return edits.reset(
        problem.params, training.fresh(problem.network, key), last(problem, k))
  return _last_k(edit, optimizer, k, steps, batch_size)


def _last_k(edit, optimizer, k, steps, batch_size):
  def transform(problem, params, key):
    del params, key
    return parts.Confined(masks.confine(
        optimizer or optimizers.sgd(), last(problem, k)))

  return parts.compose(
      edit=edit,
      objective=objectives.objective(retain=objectives.cross_entropy),
      transform=transform, schedule=schedules.retain_only(steps, batch_size))


def last(problem: problem_lib.Problem, k: int):
  """Marks the parameters of the last `k` layers, a pytree of booleans."""
  layers = list(passes.sites(problem))
  if not 1 <= k <= len(layers):
    raise ValueError(
        f'k is {k}, but the network has {len(layers)} captured layers; choose '
        f'one of 1 to {len(layers)}.')
  parents = {path.rpartition('/')[0] for path in layers[-k:]}

  def mark(path, leaf):
    name = paths.path_name(path)
    chosen = name in layers[-k:] or (
        name not in layers and '/' in name
        and name.rpartition('/')[0] in parents)
    return jnp.full(leaf.shape, chosen)
  return jax.tree_util.tree_map_with_path(mark, problem.params)
