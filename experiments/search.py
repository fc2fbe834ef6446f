"""Settings of methods, chosen on other requests than the one that counts.

A setting is scored by its gap to retraining: accuracies and mean probabilities of
the true label, on forgotten and retained training examples and on held-out ones.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
import dataclasses
import functools
import os
import pathlib
import threading
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments import grids as grids_lib
from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import storage
from unsc_jax import training
from unsc_jax.command import running
from unsc_jax.evaluation import outputs
from unsc_jax.evaluation.metrics import signals
from unsc_jax.evaluation.shadows import compilation


class Trial(NamedTuple):
  """Settings that were tried, and how far they ended from the goal."""
  settings: Mapping[str, Any]
  gap: float


class Kept(NamedTuple):
  """Where a search keeps its trials, and what tells it from others."""
  folder: pathlib.Path | None
  run: Mapping[str, Any]


NOWHERE = Kept(None, {})


def search(
    candidates: Mapping[str, grids_lib.Candidate],
    problems: Callable[[], Sequence[problem_lib.Problem]], goal: problem_lib.Method,
    key: jax.Array, *, trials: int, seed: int, kept: Kept = NOWHERE,
) -> dict[str, tuple[Trial, ...]]:
  """Tries settings of every method.

  Args:
    candidates: by name.
    problems: makes surrogate requests, once, where not all trials are kept; a setting's
      gap is the mean over them.
    goal: makes the networks that a trial is held against, retrained ones say.
    key: of the methods.
    trials: settings of each method, at most.
    seed: of their draw.
    kept: where trials are kept, so that a search that was killed goes on.

  Returns:
    Name to trials, the best first. One that diverged has an infinite gap.
  """
  lock, asked = threading.Lock(), functools.cache(problems)

  def ready() -> list[problem_lib.Problem]:
    # The bar of the search is enough, and those of threads would run into each other.
    with lock:
      return [dataclasses.replace(p, session=session_lib.Session(p.session.mesh))
              for p in asked()]

  goals = storage.kept(kept.folder, 'goals', kept.run, lambda: [
      _says(p, goal(p, key)).tolist() for p in asked()])

  def gap(method: problem_lib.Method) -> float:
    try:
      return float(np.mean([np.abs(_says(p, method(p, key)) - np.array(goal)).mean()
                            for p, goal in zip(ready(), goals)]))
    except FloatingPointError:  # it diverged
      return float('inf')

  def trial(job) -> float:
    name, number, settings = job
    return storage.kept(
        kept.folder, f'{name}-{number}',
        {**kept.run, 'settings': settings, 'method': candidates[name]},
        lambda: gap(candidates[name].build(settings)))

  points = {name: one.settings(trials, seed) for name, one in candidates.items()}
  jobs = [(name, number, settings) for name, grid in points.items()
          for number, settings in enumerate(grid)]
  tried: dict[str, list[Trial]] = {name: [] for name in candidates}
  with futures.ThreadPoolExecutor(_workers()) as pool:
    gaps = running.progress(pool.map(trial, jobs), 'search', len(jobs))
    for (name, _, settings), measured in zip(jobs, gaps):
      tried[name].append(Trial(settings, measured))
      if len(tried[name]) == len(points[name]):
        compilation.make_room()
  return {name: tuple(sorted(trials, key=lambda trial: trial.gap))
          for name, trials in tried.items()}


def _workers() -> int:
  """A thread a core that is ours, as most of a trial is compilation, which runs on one.

  On several devices one: all processes must make the same steps in the same order.
  """
  if jax.device_count() > 1:
    return 1
  if hasattr(os, 'sched_getaffinity'):  # not everywhere, and `taskset` may leave few
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1


def _says(problem: problem_lib.Problem, unlearned: problem_lib.Unlearned
          ) -> np.ndarray:
  """Accuracy and mean confidence of a network on every part of the data.

  Of unseen examples only whole classes are forgotten.
  """
  trained = outputs.joined(problem.forget, problem.retain)
  held_out = problem.held_out
  measured = []
  # Of all surrogates as many at once: they share a program.
  for examples, gone in (
      (trained, np.arange(len(trained)) < len(problem.forget)),
      (held_out, np.isin(held_out.y, problem.forget_classes))):
    if not len(examples):
      continue
    logits = training.answers(problem, unlearned.params, examples.x, fn=unlearned.fn)
    right = logits.argmax(-1) == examples.y
    sure = np.asarray(signals.confidence(logits, examples.y))
    for part in (gone, ~gone):
      if part.any():
        measured += [np.mean(right[part]), np.mean(sure[part])]
  return np.array(measured)
