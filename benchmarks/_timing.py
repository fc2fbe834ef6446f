"""Wall time of several things on a noisy machine, compared within one run."""

from collections.abc import Callable, Mapping
import statistics
import time
from typing import Any

import jax

Seconds = dict[str, list[float]]


def interleaved(sides: Mapping[str, Callable[[], Any]], rounds: int,
                warm_up: bool = True,
                clock: Callable[[], float] = time.perf_counter) -> Seconds:
  """Runs every side once a round, so that all meet the same disturbances.

  Every second round goes backwards, as what runs in the wake of another may be slower
  for that alone: of two sides that are the same, the later one was so.

  Args:
    sides: name to a function without arguments.
    rounds: how often.
    warm_up: whether to run everything once before, so that it is compiled.
    clock: `time.process_time` where others keep the machine busy.

  Returns:
    Name to the seconds of every round.
  """
  if warm_up:
    for side in sides.values():
      jax.block_until_ready(side())
  seconds: Seconds = {name: [] for name in sides}
  forwards, backwards = [*sides.items()], [*sides.items()][::-1]
  for number in range(rounds):
    for name, side in backwards if number % 2 else forwards:
      start = clock()
      jax.block_until_ready(side())
      seconds[name].append(clock() - start)
  return seconds


def ratio(seconds: Seconds, side: str, other: str) -> float:
  """How many times as long `side` takes as `other`: the median over rounds."""
  return statistics.median(
      a / b for a, b in zip(seconds[side], seconds[other], strict=True))


def quartiles(seconds: Seconds, side: str, other: str) -> list[float]:
  """How far the ratios of the rounds scatter: the three quartiles."""
  return statistics.quantiles(
      (a / b for a, b in zip(seconds[side], seconds[other], strict=True)), n=4)
