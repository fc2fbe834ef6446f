"""How soon a network knows again what it was to forget."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import batching
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.evaluation import outputs
from unsc_jax.evaluation import relearn
from unsc_jax.evaluation.metrics import estimate as estimate_lib

_FEW = 20  # images of every class to relearn
_WATCHED = 150
_CAP, _EVERY, _DRAWS = 40, 1, 3
_SHARE = .95  # of the original's accuracy counts as regained


class Course(NamedTuple):
  """Relearning of one network, over several draws of the few images."""
  steps: estimate_lib.Estimate  # at the least, where `reached` is below 1
  at: list[int]
  accuracy: list[float]  # mean over draws
  target: float
  reached: float  # share of the draws in which the target was
  cap: int  # steps after which a draw was given up


def course(problem: problem_lib.Problem, test: problem_lib.Examples, params: Any,
           key: jax.Array) -> Course:
  """Trains on a few forgotten and as many retained images, several times.

  Args:
    problem: what was asked for, and the original that sets the target.
    test: whose images of the forgotten classes are watched; for a request of
      single examples it is these.
    params: of the unlearned network. A mask on its outputs is left off.
    key: of the draws; the same for all networks, so that they are alike.

  Returns:
    The course. The interval is Student's, over draws. A draw that was given up
    counts as the cap, which is less than it would take.
  """
  rng = np.random.default_rng(batching.seed_of(key))
  few = _FEW * max(1, len(problem.forget_classes))
  gone = np.isin(test.y, problem.forget_classes)
  watched = test.where(gone) if gone.any() else problem.forget
  watched = watched.where(rng.permutation(len(watched))[:_WATCHED])
  params = outputs.on_host(params)
  says = training.predict(problem.fn, outputs.on_host(problem.params), watched.x)
  target = _SHARE * float(np.mean(says.argmax(-1) == watched.y))
  found = []
  for now in problem.session.progress(
      jax.random.split(key, _DRAWS), 'relearning', _DRAWS):
    drawn = [part.where(rng.permutation(len(part))[:few])
             for part in (problem.forget, problem.retain)]
    found.append(relearn.relearn_time(
        problem.fn, params,
        jax.tree.map(lambda *parts: np.concatenate(parts), *drawn), watched,
        target, now, trainable=problem.network.trainable, cap=_CAP, every=_EVERY))
  return Course(
      _mean([one.steps for one in found]), found[0].at.tolist(),
      np.mean([one.accuracy for one in found], 0).tolist(), target,
      float(np.mean([one.reached for one in found])), _CAP)


def _mean(steps: list[int]) -> estimate_lib.Estimate:
  half = (estimate_lib.t_quantile(.95, len(steps) - 1) * np.std(steps, ddof=1)
          / len(steps)**.5)
  mean = float(np.mean(steps))
  return estimate_lib.Estimate(*map(
      jnp.asarray, (mean, max(mean - half, 0), min(mean + half, _CAP))))
