"""Settings of methods, chosen on other requests than the one that counts.

A setting is scored by its gap to retraining: accuracies and mean probabilities of
the true label, on forgotten and retained training examples and on held-out ones.
"""

from collections.abc import Mapping, Sequence
from concurrent import futures
import dataclasses
import os
from typing import Any

import jax
import numpy as np

from experiments import bars
from experiments import grids
from unsc_jax import methods
from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import training
from unsc_jax.evaluation.metrics import signals
from unsc_jax.evaluation.shadows import compilation

Trial = dict[str, Any]  # `settings` of a method, and the `gap` they left


def search(
    found: Mapping[str, grids.Candidate],
    problems: Sequence[problem_lib.Problem], recipe: training.Recipe,
    key: jax.Array, *, trials: int, seed: int,
) -> dict[str, list[Trial]]:
  """Tries settings of every method.

  Args:
    found: candidates by name.
    problems: surrogate requests; a setting's gap is the mean over them.
    recipe: of the networks that are retrained without each.
    key: of the methods.
    trials: settings of each method, at most.
    seed: of their draw.

  Returns:
    Name to trials, the best first. One that diverged has an infinite gap.
  """
  goals = [_reached(p, methods.retrain(recipe)(p, key)) for p in problems]
  # The bar of the search is enough, and those of threads would run into each other.
  quiet = [dataclasses.replace(p, session=session_lib.Session(p.session.mesh))
           for p in problems]

  def gap(method: problem_lib.Method) -> float:
    try:
      return float(np.mean([
          np.abs(_reached(p, method(p, key)) - goal).mean()
          for p, goal in zip(quiet, goals)]))
    except FloatingPointError:  # it diverged
      return float('inf')

  grids = {name: one.settings(trials, seed) for name, one in found.items()}
  jobs = [(name, settings) for name, grid in grids.items() for settings in grid]
  searched: dict[str, list[Trial]] = {name: [] for name in found}
  with futures.ThreadPoolExecutor(_workers(problems)) as pool:
    gaps = pool.map(lambda job: gap(found[job[0]].build(**job[1])), jobs)
    for (name, settings), found_gap in zip(
        jobs, bars.progress(gaps, 'search', len(jobs))):
      searched[name].append({'settings': settings, 'gap': found_gap})
      if len(searched[name]) == len(grids[name]):
        compilation.forget()
  return {name: sorted(tried, key=lambda trial: trial['gap'])
          for name, tried in searched.items()}


def _workers(problems: Sequence[problem_lib.Problem]) -> int:
  """A thread a core, as most of a trial is compilation, which runs on one.

  On a mesh one: all processes must make the same steps in the same order.
  """
  return 1 if any(p.session.mesh is not None for p in problems) else os.cpu_count() or 1


def _reached(problem: problem_lib.Problem, unlearned: problem_lib.Unlearned
             ) -> np.ndarray:
  """What a network says of every part of the data.

  Of unseen examples only whole classes are forgotten.
  """
  held_out = problem.held_out
  gone = np.isin(held_out.y, problem.forget_classes)
  parts = [problem.forget, problem.retain,
           *(part for part in (held_out.where(gone), held_out.where(~gone)) if len(part))]

  def says(part):
    logits = training.answers(problem, unlearned.params, part.x, fn=unlearned.fn)
    return (np.mean(logits.argmax(-1) == part.y),
            np.mean(signals.confidence(logits, part.y)))

  return np.ravel([says(part) for part in parts])
