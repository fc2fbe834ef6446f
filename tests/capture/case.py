"""One row of the specification: a network, and what must be captured of it."""

from collections.abc import Callable, Mapping
import dataclasses
from typing import Any, NamedTuple

import numpy as np

CONTEXTS = ('eager', 'jit', 'grad', 'vmap', 'pmap', 'shard_map')
FORWARD = ('eager', 'jit', 'jvp', 'vmap', 'pmap', 'shard_map')  # no reverse mode


class Network(NamedTuple):
  """A function `fn(params, *args)` with something to call it with."""
  fn: Callable
  params: Any
  args: tuple


@dataclasses.dataclass(frozen=True, eq=False)  # each row is itself alone
class Case:
  """A row of the specification.

  Attributes:
    what: the layer, in words.
    section: where the row stands in the documentation.
    framework: 'hand-written', 'linen', 'NNX', 'Equinox' or 'Haiku'.
    network: makes the network.
    uncaptured: path to (a part of) the reason, for each parameter that is not
      captured; all others are.
    rows: if known in closed form, maps `(params, *args)` to what captured
      parameters meet, for all of them or path by path: rows `[n, d]`, `[B, n, d]`;
      counts of a lookup `[d]`, `[B, d]`; a list of these, one for each way of use.
    tolerance: of the output, relative; looser where it is computed in bfloat16.
    contexts: where the row is tested.
    full: paths of parameters that these data leave no direction to move.
    idle: paths of parameters that these data never reach.
    remark: what a user should know of it.
  """
  what: str
  section: str
  framework: str
  network: Callable[[], Network]
  uncaptured: Mapping[str, str] = dataclasses.field(default_factory=dict)
  rows: Callable[..., Any] | None = None
  tolerance: float = 1e-4
  contexts: tuple[str, ...] = CONTEXTS
  full: tuple[str, ...] = ()
  idle: tuple[str, ...] = ()
  remark: str = ''

  @property
  def id(self) -> str:
    return f'{self.framework}: {self.what}'

  def met(self, params: Mapping[str, np.ndarray], *args: Any) -> Mapping[str, Any]:
    """What each captured parameter meets, by path."""
    rows = self.rows(params, *args)
    captured = [path for path in params if path not in self.uncaptured]
    return rows if isinstance(rows, Mapping) else dict.fromkeys(captured, rows)


def random(*shape: int, seed: int = 0) -> np.ndarray:
  """Standard normal numbers in float32."""
  values = np.random.default_rng([seed, *shape]).standard_normal(shape)
  return values.astype(np.float32)


def weight(*shape: int, seed: int = 1) -> np.ndarray:
  """Numbers of such size that a layer's output has about that of its input."""
  return random(*shape, seed=seed) / np.float32(np.sqrt(max(1, shape[0])))


def flat(x: np.ndarray) -> np.ndarray:
  """All inputs of a layer as rows `[n, d]`."""
  return np.reshape(x, (-1, np.shape(x)[-1]))


def inputs(params: Any, x: np.ndarray) -> np.ndarray:
  """The rows of a layer that sees what the network does."""
  del params
  return flat(x)
