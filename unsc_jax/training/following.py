"""Further arguments of a loss that follow the loop: the parameters, or the count of steps."""

from collections.abc import Callable
import contextlib
import dataclasses
import functools
import json
import sys
from typing import Any
import warnings

import jax
import numpy as np

from unsc_jax import closures
from unsc_jax import storage


@dataclasses.dataclass(frozen=True)
class Refresh:
  """Further arguments of a loss that follow the parameters.

  Attributes:
    every: how many steps they are kept for.
    given: from the parameters of now to the arguments; they may not share
      buffers with the parameters, which the next step consumes. Where there is a
      checkpoint, it is a function that can be seen into, or a frozen dataclass, and it
      remembers nothing from one call to the next: only the parameters are kept there.
  """
  every: int
  given: Callable[[Any], tuple]

  def at(self, step: int, params: Any) -> tuple:
    """The arguments of a step."""
    del step
    made = self.given(params)
    if not isinstance(made, tuple | list):
      raise TypeError(
          f'the `given` of a Refresh returns {type(made).__name__}, and not a tuple of '
          "the loss's further arguments: let it return (argument,).")
    return tuple(made)

  def begun(self, params: Any, steps: int) -> tuple[tuple, dict[str, Any]]:
    """The first arguments, and what tells them from others that begin alike.

    Raises:
      ValueError: the call has changed what makes them.
    """
    del steps
    made, told, changed = _called(
        lambda: self.at(0, params), lambda: storage.describe_function(self.given))
    if changed:
      raise ValueError(
          'the `given` of a Refresh has changed in being called, and what it remembers is '
          'in no checkpoint: let it be a function of the parameters alone.')
    return made, {'every': self.every, 'given': told}


@dataclasses.dataclass(frozen=True)
class Scheduled:
  """A further argument of a loss that follows the count of steps.

  Attributes:
    value: from the step, from 0 on, to a number: an Optax schedule. It is asked once for
      each step, and on the host.
  """
  value: Callable[[int], Any]
  every = 1

  def at(self, step: int, params: Any) -> tuple:
    """The argument of a step."""
    del params
    if step not in self._known:
      with _on_host():
        self._known[step] = np.float32(self.value(step))
    return (self._known[step],)

  @functools.cached_property
  def _known(self) -> dict[int, np.float32]:
    """The values of the steps that were asked for."""
    return {}

  def begun(self, params: Any, steps: int) -> tuple[tuple, dict[str, Any]]:
    """The first argument, and what tells it from others that begin alike: all values."""
    values = [self.at(step, params) for step in range(steps)]
    return self.at(0, params), {'values': storage.fingerprint(np.array(values, np.float32))}


def _on_host() -> contextlib.AbstractContextManager:
  """Lets JAX compute a number on the host.

  Each operation of an Optax schedule is a program. An accelerator runs it behind the steps
  that it was given before, and who reads the number waits for all of them. All steps in one
  program would round otherwise, and a state that was kept before would not be known again.
  """
  try:
    return jax.default_device(jax.local_devices(backend='cpu')[0])
  except RuntimeError:  # JAX was told to run on others alone
    return contextlib.nullcontext()


def noticed(watch: Callable[[Any], tuple], params: Any) -> tuple:
  """What a watch returns.

  Warns:
    UserWarning: the call has changed what can be seen of the watch.
  """
  found, _, changed = _called(lambda: watch(params), lambda: _seen(watch))
  if changed:
    warnings.warn(
        'the watch has changed in being called, and what it remembers is in no checkpoint, so '
        'that a resumed run may stop at another step: let it look at the parameters alone.',
        stacklevel=3)
  return found


def _seen(watch: Callable) -> Any:
  """What can be seen of it; None if it hides something."""
  try:
    return storage.describe_function(watch)
  except storage.Unseen:
    return None


def _called(call: Callable[[], tuple], see: Callable[[], Any]) -> tuple[tuple, Any, bool]:
  """What a call returns, what is seen after it, and whether it has changed that."""
  modules, before = _own_modules(), see()
  found, after = call(), see()
  changed = json.dumps(after) != json.dumps(before)  # by the text: NaN equals no NaN
  # What a function imports by the way can be seen into only from then on.
  return found, after, changed and _own_modules() == modules


def _own_modules() -> set[str]:
  return {name for name in [*sys.modules] if not closures.installed(name)}
