"""The step of a training loop: one update of the leaves that may move.

Steps of equal losses, optimisers and shardings are one program.
"""

from collections.abc import Callable
import dataclasses
import functools
from typing import Any

import jax
import optax

from unsc_jax import paths
from unsc_jax import programs
from unsc_jax.problem import trainable as trainable_lib

Loss = Callable[..., tuple[jax.Array, Any]]


def make_step(
    loss: Loss, optimizer: optax.GradientTransformation,
    where: tuple[Any, Any] = (None, None),
) -> 'Step':
  """The jitted step: parameters and optimiser state to the next, and the loss.

  Equal losses, optimisers and shardings share one program.

  Args:
    loss: as for `fit`.
    optimizer: any Optax optimiser.
    where: shardings of the parameters and of the state, which the next ones
      have as well; None leaves them to XLA.

  Returns:
    `(params, state, batch, key, *given) -> (params, state, loss)`. It consumes
    the parameters and the state.
  """
  leaves, structure = jax.tree.flatten(where)
  return Step(programs.hashable(loss), programs.update_of(optimizer),
              tuple(leaves), structure)


@dataclasses.dataclass(frozen=True)
class Step:
  """What `make_step` returns: a program's choices, which tell it from others."""
  loss: Loss
  update: programs.Update
  shardings: tuple[Any, ...]
  structure: Any  # of the shardings

  def __call__(self, params: Any, state: Any, batch: Any, key: jax.Array, *given: Any
               ) -> tuple[Any, Any, jax.Array]:
    return _step(self, params, state, batch, key, *given)

  def lower(self, *args: Any) -> Any:
    """The program for such arguments, as `jax.jit` lowers it."""
    return _step.lower(self, *args)


@functools.partial(jax.jit, static_argnums=0, donate_argnums=(1, 2))
def _step(chosen: Step, params, state, *args):
  optimizer = optax.GradientTransformationExtraArgs(optax.init_empty_state, chosen.update)
  *after, value = update(chosen.loss, optimizer, params, state, *args)
  if chosen.shardings:
    after = jax.lax.with_sharding_constraint(
        tuple(after), jax.tree.unflatten(chosen.structure, chosen.shardings))
  return *after, value


def update(
    loss: Loss, optimizer: optax.GradientTransformation, params: Any, state: Any,
    *args: Any,
) -> tuple[Any, Any, jax.Array]:
  """One update: the next parameters and state, and the loss `(params, *args)`."""
  differentiate = trainable_lib.value_and_grad(loss, has_aux=True)
  (value, rewritten), gradient = differentiate(params, *args)
  updates, state = optimizer.update(gradient, state, trainable_lib.floats(params))
  floating = optax.apply_updates(trainable_lib.floats(rewritten), updates)
  return trainable_lib.merged(floating, rewritten), state, value


def only(
    optimizer: optax.GradientTransformation,
    trainable: Callable[[str], bool], params: Any,
) -> optax.GradientTransformation:
  """Confines an optimiser to the floating leaves whose path is trainable."""
  if all(map(trainable, paths.leaf_paths(trainable_lib.floats(params)))):
    return optimizer
  chosen = programs.hashable(trainable)
  return optax.GradientTransformationExtraArgs(
      programs.holding(functools.partial(_start, chosen, optimizer.init)),
      _Update(chosen, programs.update_of(optimizer)))


def _start(trainable: Callable[[str], bool], init: Callable, params: Any) -> Any:
  begin = functools.partial(programs.begin, init)
  return _partition(trainable, begin, optax.set_to_zero().update).init(params)


@dataclasses.dataclass(frozen=True)
class _Update:
  """The update of an optimiser of the leaves that are trainable."""
  trainable: Callable[[str], bool]
  inner: programs.Update

  def __call__(self, updates: Any, state: Any, params: Any = None, **extra: Any) -> Any:
    return _partition(self.trainable, optax.set_to_zero().init, self.inner).update(
        updates, state, params, **extra)


def _partition(trainable, init, update) -> optax.GradientTransformationExtraArgs:
  labels = lambda tree: jax.tree_util.tree_map_with_path(
      lambda path, _: trainable(paths.path_name(path)), tree)
  return optax.partition({True: optax.GradientTransformationExtraArgs(init, update),
                          False: optax.set_to_zero()}, labels)
