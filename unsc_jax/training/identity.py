"""What tells one loop from others, when its state is found on the disk."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import optax

from unsc_jax import batching
from unsc_jax import storage
from unsc_jax.problem import trainable as trainable_lib


def identity(
    loss: Callable, optimizer: optax.GradientTransformation, params: Any, state: Any,
    batch: Any, key: jax.Array, given: tuple, kinds: Sequence[Any] = (),
) -> dict[str, Any]:
  """A loop by its step and by all that the step is given at first.

  An optimiser of Optax is a pair of closures, and so is many a loss: what they
  compute is told by their programs, what they hold by the values of the state and of
  the further arguments.

  Args:
    loss: see `fit`.
    optimizer: any Optax optimiser.
    params: the first parameters.
    state: the optimiser's first state.
    batch: the first batch.
    key: the loop's.
    given: further arguments of the loss.
    kinds: batches of all structures that may come, see `fit`.

  Returns:
    Hashes by name, for `storage.describe`.
  """
  step = trainable_lib.value_and_grad(loss, has_aux=True)
  floating = trainable_lib.floats(params)
  others = [_of_other(step, params, kind, batch, key, given) for kind in kinds
            if jax.tree.structure(kind) != jax.tree.structure(batch)]
  return {
      **({'other losses': others} if others else {}),
      'jax': jax.__version__,  # another one's programs may read otherwise
      'parameters': storage.fingerprint(params), 'key': key,
      'loss': storage.program(step, params, batch, key, *given),
      'optimizer': storage.program(optimizer.update, floating, state, floating),
      'state': storage.fingerprint(state), 'given': storage.fingerprint(given),
      'first batch': storage.fingerprint(batch)}


def _of_other(
    step: Callable, params: Any, kind: Any, batch: Any, key: jax.Array, given: tuple,
) -> str | None:
  """The program of a loss on a batch of another structure; None if it takes no such."""
  count = batching.count(batch)
  kind = jax.tree.map(lambda leaf: leaf[:count], kind)
  try:
    return storage.program(step, params, kind, key, *given)
  except storage.Unseen:
    raise
  except Exception:  # whatever a loss says to what its schedule never brings
    return None
