"""Relearn time: how few steps bring back what was forgotten.

What a network has lost it must learn anew; what it only hides comes back at
once. `n` examples of the forget set, `s` measurements.
"""

from collections.abc import Callable
import functools
import math
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from unsc_jax import batching
from unsc_jax import problem as problem_lib
from unsc_jax import sharding
from unsc_jax import training


class Relearned(NamedTuple):
  """One course of relearning."""
  steps: int  # until the target was reached; the cap where it was not
  reached: bool
  at: np.ndarray  # [s] steps, 0 first
  accuracy: np.ndarray  # [s]


def relearn_time(
    fn: Callable, params: Any, few: problem_lib.Examples,
    watched: problem_lib.Examples, target: float, key: jax.Array, *,
    optimizer: optax.GradientTransformation | None = None,
    trainable: Callable[[str], bool] = lambda path: True,
    batch_size: int = 32, cap: int = 60, every: int = 1,
) -> Relearned:
  r"""Trains on a few examples until the target accuracy is back.

  .. math:: \min \{ t : \mathrm{acc}(\theta_t) \ge a \}, \quad
    \theta_{t+1} = \mathrm{opt}(\theta_t, \nabla L(\theta_t; B_t))

  Good is the time that a retrained network takes, which is not long: one that
  has seen nine classes learns a tenth quickly. Less is residual knowledge,
  more is over-unlearning: the features were damaged (the "Streisand effect" of
  the anamnesis index, which is the ratio of the two times).

  Args:
    fn: `(params, x) -> logits`, without a mask on the outputs: who holds the
      weights can take it off.
    params: of the unlearned network; left as they are.
    few: what to train on: some of the forget set, and as many retained ones
      lest everything be called by the forgotten name.
    watched: unseen examples of what was forgotten.
    target: the accuracy on `watched` to regain, in 0..1.
    key: of the batches.
    optimizer: any of Optax; Adam at 1e-3.
    trainable: tells by path which leaves may move.
    batch_size: examples a step.
    cap: when to give up.
    every: after how many steps to look, each time.

  Returns:
    Relearned; the curve goes on to the cap.

  Raises:
    ValueError: the target is no share, or `cap` or `every` is below one.

  Example:
    >>> few = problem_lib.Examples(np.eye(2, dtype=np.float32), np.arange(2))
    >>> fn = lambda params, x: x @ params
    >>> wrong = 1 - np.eye(2, dtype=np.float32)
    >>> found = relearn_time(fn, wrong, few, few, 1., jax.random.key(0),
    ...                      optimizer=optax.sgd(1.), batch_size=2)
    >>> found.steps, found.accuracy[0].item()
    (2, 0.0)

  Source: relearn time of Golatkar et al. (arXiv 1911.04933) and Chundawat et
  al. (arXiv 2201.05629); here from few examples, in steps.
  """
  if not 0 <= target <= 1:
    raise ValueError(f'target is {target}, but an accuracy lies between 0 and 1.')
  if cap < 1 or every < 1:
    raise ValueError(f'cap is {cap} and every is {every}, but both should be at '
                     'least 1.')
  optimizer = training.only(optimizer or _default(), trainable, params)
  step = _step(fn, optimizer) if optimizer is _default() else training.make_step(
      training.classify(fn), optimizer)
  right = lambda params: float(np.mean(
      training.predict(fn, params, watched.x).argmax(-1) == watched.y))
  state = jax.tree.map(jax.numpy.array, optimizer.init(params))
  params = jax.tree.map(jax.numpy.array, params)  # the step consumes them
  batches = batching.stream(few, min(batch_size, len(few)), batching.seed_of(key))
  at, accuracy = [0], [right(params)]
  for i in range(1, cap + 1):
    batch = sharding.shard_batch(next(batches), None)
    params, state, _ = step(params, state, batch, key)
    if i % every == 0 or i == cap:
      at.append(i)
      accuracy.append(right(params))
  found = [t for t, a in zip(at, accuracy) if a >= target]
  return Relearned(min(found, default=cap), bool(found),
                   np.array(at), np.array(accuracy))


@functools.cache
def _default() -> optax.GradientTransformation:
  return optax.adam(1e-3)


@functools.lru_cache(maxsize=16)
def _step(fn, optimizer):
  """One program for all networks of one function."""
  return training.make_step(training.classify(fn), optimizer)


def anamnesis_index(steps: float, retrained_steps: float) -> float:
  """AIN = time of the unlearned / time of the retrained network: 1 is equal.

  Below 1 knowledge is left, above 1 more was taken than a network without the
  data lacks. A retrained network that needs no step at all gives infinity, or 1
  if the other needs none either.

  Args:
    steps: relearn time of the unlearned network.
    retrained_steps: that of the retrained one.

  Example:
    >>> anamnesis_index(3, 12)
    0.25

  Source: Chundawat et al., arXiv 2201.05629; exact.
  """
  if retrained_steps == 0:
    return 1. if steps == 0 else math.inf
  return steps / retrained_steps
