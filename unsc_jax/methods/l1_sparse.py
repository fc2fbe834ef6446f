"""Fine-tuning that makes the network sparse on the way."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import lengths
from unsc_jax.parts import objectives
from unsc_jax.parts import schedules


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
    alpha: float = 1e-3, steps: int | None = None,
    epochs: float | None = None, batch_size: int = 128,
) -> problem_lib.Method:
  r"""Fine-tunes on the retained data with a fading l1 penalty.

  .. math:: \min_\theta \mathrm{CE}_{D_r} + \alpha (1 - t / T) \|\theta\|_1

  For whole classes and for single examples.

  Args:
    optimizer: any of Optax; Adam at 2e-3. The penalty's gradient is
      part of what it sees.
    alpha: weight of the penalty at the first step; it fades to zero.
    steps: `T`, updates to make.
    epochs: instead, over the retained data; 10 if neither is given.
    batch_size: retain examples a step.

  Returns:
    The method. Cost: `3 * epochs` passes over the retained data; the
    forget set is not touched.

  Example:
    >>> method = l1_sparse(optax.sgd(.05, momentum=.9), alpha=2e-3, steps=300)

  Source: Jia et al. (arXiv 2304.04934), exact from code, with the fading by
  step rather than by epoch. `alpha` is 5e-4 in the paper, from memory, 1e-4 in
  Scissorhands' code and 7e-5 in DEL's, all with SGD at .01.
  """
  schedule = schedules.retain_only(
      steps, batch_size, epochs=lengths.unless(steps, epochs, 10))

  def transform(problem, params, key):
    del params, key
    fading = optax.linear_schedule(
        alpha, 0., schedule.length(problem.forget, problem.retain))
    return parts.Confined(optax.chain(
        add_sign_decay(fading), optimizer or optax.adam(2e-3)))

  return parts.compose(
      name='l1_sparse',
      objective=objectives.objective(retain=objectives.cross_entropy),
      transform=transform, schedule=schedule)
