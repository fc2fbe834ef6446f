"""What every reader of a jaxpr does: look values up, evaluate equations."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.extend.core as jex


def is_literal(var: Any) -> bool:
  return isinstance(var, jex.Literal)


def read(values: Mapping[Any, Any], variables: Sequence[Any]) -> list[Any]:
  """The values of variables and literals."""
  return [v.val if is_literal(v) else values[v] for v in variables]


def bind(eqn: jex.JaxprEqn, ins: Sequence[Any]) -> list[Any]:
  """Evaluates an equation as it stands, keeping its derivative rules."""
  bound = eqn.primitive.get_bind_params(eqn.params)
  functions, params = bound if isinstance(bound, tuple) else ((), bound)
  out = eqn.primitive.bind(*functions, *ins, **params)
  return list(out) if eqn.primitive.multiple_results else [out]
