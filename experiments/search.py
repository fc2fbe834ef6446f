"""Settings of methods, chosen on other requests than the one that counts.

A setting is scored by its gap to retraining: accuracies and mean probabilities of
the true label, on forgotten and retained training examples and on held-out ones.
"""

from collections.abc import Mapping, Sequence
from concurrent import futures
import dataclasses
import os

import jax
import numpy as np

from experiments import grids as grids_lib
from unsc_jax import methods
from unsc_jax import problem as problem_lib
from unsc_jax import report
from unsc_jax import session as session_lib
from unsc_jax import training
from unsc_jax.command import running
from unsc_jax.evaluation.metrics import signals
from unsc_jax.evaluation.shadows import compilation


def search(
    candidates: Mapping[str, grids_lib.Candidate],
    problems: Sequence[problem_lib.Problem], recipe: training.Recipe,
    key: jax.Array, *, trials: int, seed: int,
) -> dict[str, tuple[report.Trial, ...]]:
  """Tries settings of every method.

  Args:
    candidates: by name.
    problems: surrogate requests; a setting's gap is the mean over them.
    recipe: of the networks that are retrained without each.
    key: of the methods.
    trials: settings of each method, at most.
    seed: of their draw.

  Returns:
    Name to trials, the best first. One that diverged has an infinite gap.
  """
  goals = [_says(p, methods.retrain(recipe)(p, key)) for p in problems]
  # The bar of the search is enough, and those of threads would run into each other.
  quiet = [dataclasses.replace(p, session=session_lib.Session(p.session.mesh))
           for p in problems]

  def gap(job) -> float:
    name, settings = job
    method = candidates[name].build(settings)
    try:
      return float(np.mean([np.abs(_says(p, method(p, key)) - goal).mean()
                            for p, goal in zip(quiet, goals)]))
    except FloatingPointError:  # it diverged
      return float('inf')

  points = {name: one.settings(trials, seed) for name, one in candidates.items()}
  jobs = [(name, settings) for name, grid in points.items() for settings in grid]
  tried: dict[str, list[report.Trial]] = {name: [] for name in candidates}
  with futures.ThreadPoolExecutor(_workers(problems)) as pool:
    gaps = running.progress(pool.map(gap, jobs), 'search', len(jobs))
    for (name, settings), measured in zip(jobs, gaps):
      tried[name].append(report.Trial(settings=settings, gap=measured))
      if len(tried[name]) == len(points[name]):
        compilation.forget()
  return {name: tuple(sorted(trials, key=lambda trial: trial.gap))
          for name, trials in tried.items()}


def _workers(problems: Sequence[problem_lib.Problem]) -> int:
  """A thread a core, as most of a trial is compilation, which runs on one.

  On a mesh one: all processes must make the same steps in the same order.
  """
  meshes = any(p.session.mesh is not None for p in problems)
  return 1 if meshes else os.cpu_count() or 1


def _says(problem: problem_lib.Problem, unlearned: problem_lib.Unlearned
          ) -> np.ndarray:
  """Accuracy and mean confidence of a network on every part of the data.

  Of unseen examples only whole classes are forgotten.
  """
  held_out = problem.held_out
  gone = np.isin(held_out.y, problem.forget_classes)
  measured = []
  for part in (problem.forget, problem.retain, held_out.where(gone),
               held_out.where(~gone)):
    if len(part):
      logits = training.answers(problem, unlearned.params, part.x, fn=unlearned.fn)
      measured += [np.mean(logits.argmax(-1) == part.y),
                   np.mean(signals.confidence(logits, part.y))]
  return np.array(measured)
