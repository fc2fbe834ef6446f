"""A classifier as a few pure functions."""

from collections.abc import Callable
import dataclasses
from typing import Any

import jax
import numpy as np

from unsc_jax import closures

Params = Any  # a pytree of arrays, running statistics included


@dataclasses.dataclass(frozen=True)
class _AsInEvaluation:
  """Training of a network that has no more to say of it than its answers."""
  fn: Callable

  def __call__(self, params: Params, x: jax.Array, key: jax.Array) -> tuple[jax.Array, Params]:
    return self.fn(params, x), params


@dataclasses.dataclass(frozen=True)
class Network:
  """A classifier as a few pure functions; no base class, no framework.

  Attributes:
    fn: `(params, x) -> logits [N, C]` as in evaluation: no dropout, running
      statistics used and left alone.
    init: `key -> params`, fresh ones. Needed by methods that train from scratch
      or reset weights.
    train_fn: `(params, x, key) -> (logits, params)` as in training; returns the
      params with whatever the pass rewrote, such as running statistics. By
      default it is `fn`.
    trainable: tells by path which leaves an optimiser may touch; running
      statistics it may not. Counters and random keys it never does, see
      `Problem.trainable`.
    finish: `(params, x) -> params` after training from scratch, to estimate
      running statistics anew on training inputs `x`.
  """
  fn: Callable[[Params, jax.Array], jax.Array]
  init: Callable[[jax.Array], Params] | None = None
  train_fn: Callable[..., tuple[jax.Array, Params]] | None = None
  trainable: Callable[[str], bool] = lambda path: True
  finish: Callable[[Params, np.ndarray], Params] = lambda params, x: params

  def __post_init__(self):
    # Networks of equal modules share their programs.
    for field in dataclasses.fields(self):
      object.__setattr__(self, field.name, closures.by_content(getattr(self, field.name)))

  @property
  def training(self) -> Callable[..., tuple[jax.Array, Params]]:
    return self.train_fn or _AsInEvaluation(self.fn)
