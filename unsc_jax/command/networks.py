"""Networks and methods of one's own, by the name of their module."""

from collections.abc import Sequence
import inspect
from typing import Any, cast

from unsc_jax import problem
from unsc_jax.requests import named


def network(name: str, shape: Sequence[int], classes: int) -> problem.Network:
  """A network of any kind that an adapter takes without being told more.

  Args:
    name: 'module:name' of a Network; of a module of linen, or its class; of a class of
      NNX that takes `rngs`; or of a function that returns one of these.
    shape: of one input.
    classes: what a field or argument `num_classes` is given.

  Returns:
    The network.

  Raises:
    ValueError: it is none of these.
  """
  found = named.attribute(name)
  from flax import linen
  from flax import nnx

  from unsc_jax import models
  is_class = lambda kind: isinstance(found, type) and issubclass(found, kind)
  given = {'num_classes': classes} if _takes(found, 'num_classes') else {}
  if is_class(nnx.Module):
    return models.from_nnx(lambda rngs: found(**given, rngs=rngs))
  if callable(found) and not isinstance(found, linen.Module | problem.Network):
    found = found(**given)
  if isinstance(found, linen.Module):
    return models.from_linen(found, shape)
  if not isinstance(found, problem.Network):
    raise ValueError(
        f'{name} is a {type(found).__name__} and no Network; name one, a module of linen, a '
        'class of NNX that takes rngs, or a function that returns one of these.')
  return found


def method(name: str) -> problem.Method:
  """'module:name' of a method, or of what returns one when called without arguments.

  Raises:
    ValueError: it is neither.
  """
  found: Any = named.attribute(name)
  if _runs_bare(found):
    found = found()
  if not callable(found):
    raise ValueError(f'{name} is no method; name a function (problem, key) -> Unlearned, or '
                     'what returns one.')
  return cast(problem.Method, found)


def _takes(found: Any, name: str) -> bool:
  try:
    return name in inspect.signature(found).parameters
  except (TypeError, ValueError):
    return False


def _runs_bare(found: Any) -> bool:
  """Whether it can be called without arguments."""
  try:
    inspect.signature(found).bind()
  except (TypeError, ValueError):
    return False
  return True
