"""Several retrained networks and shadow originals, trained side by side.

What the noise of a seed, RMIA, U-LiRA, KLoM and the forgetting score are
measured with. `M` members, `N` forgotten examples.
"""

from collections.abc import Sequence
import dataclasses
from typing import Any, NamedTuple

import jax
import numpy as np

from unsc_jax import batching
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.evaluation import measured
from unsc_jax.evaluation import outputs
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import forgetting_score
from unsc_jax.evaluation.metrics import klom
from unsc_jax.evaluation.metrics import lira
from unsc_jax.evaluation.metrics import signals
from unsc_jax.evaluation.shadows import shadow

_MOST = 500  # forgotten examples that ensembles are asked about
NAMES = ('lira_auc', 'klom', 'forgetting_score')
LEAST = 3  # members, below which nothing can be fitted


class Ensembles(NamedTuple):
  """Members' parameters, leaves `[M, ...]`; None where there are none."""
  originals: Any | None  # trained on everything
  retrained: Any | None  # without what is to be forgotten


def train(problem: problem_lib.Problem, recipe: training.Recipe, key: jax.Array,
          *, originals: int, retrained: int) -> Ensembles:
  """Trains both kinds by the recipe of the problem's own networks."""
  keys = jax.random.split(key)
  everything = outputs.joined(problem.retain, problem.forget)

  # Members of several processes could not be read in one.
  session = problem.session
  if jax.process_count() > 1:
    session = dataclasses.replace(session, mesh=None)

  def some(count, examples, key, label):
    if not count:
      return None
    return shadow.train(
        problem.network, examples, np.ones((count, len(examples)), bool), recipe,
        key, session=session, label=label).params

  return Ensembles(
      some(originals, everything, keys[0], 'shadow originals'),
      some(retrained, problem.retain, keys[1], 'retrained networks'))


def members(problem: problem_lib.Problem, params: Any) -> list[problem_lib.Unlearned]:
  """An ensemble as rows of their own: networks that took no measurable time."""
  count = len(jax.tree.leaves(params)[0]) if params is not None else 0
  host = outputs.on_host(params)
  return [problem_lib.Unlearned(problem.fn, shadow.member(host, i), {}, {})
          for i in range(count)]


def measure(
    problem: problem_lib.Problem, ensembles: Ensembles,
    method: problem_lib.Method | None, key: jax.Array,
) -> dict[str, Any]:
  """U-LiRA, KLoM and the forgetting score of one method.

  Every shadow original forgets; that ensemble is held against as many retrained
  networks. For retraining itself it is the other half of those.

  Args:
    problem: what is to be forgotten.
    ensembles: as many shadow originals as half of the retrained networks.
    method: any; None for retraining.
    key: of the method.

  Returns:
    Name to an estimate, or why it cannot be measured.
  """
  half = len(jax.tree.leaves(ensembles.retrained)[0]) // 2
  out, rest = (jax.tree.map(lambda leaf, part=part: leaf[part], ensembles.retrained)
               for part in (slice(half), slice(half, 2 * half)))
  order_key, key = jax.random.split(key)
  rng = np.random.default_rng(batching.seed_of(order_key))
  asked = problem.forget.where(
      rng.permutation(len(problem.forget))[:_MOST])
  unlearned = members(problem, rest) if method is None else shadow.unlearn(
      method, problem, ensembles.originals, key)
  told = measured.tried({'margins': lambda: [
      margins(networks, asked) for networks in (unlearned, members(problem, out))]})
  if isinstance(missing := told['margins'], measured.Missing):
    return dict.fromkeys(NAMES, missing)
  return scores(*told['margins'])


def margins(unlearned: Sequence[problem_lib.Unlearned], asked: problem_lib.Examples
            ) -> np.ndarray:
  """Logit-scaled confidences of all members, `[M, N]`."""
  return np.stack([np.asarray(signals.margin(z, asked.labels))
                   for z in shadow.outputs(unlearned, asked.x)])


def scores(unlearned: np.ndarray, retrained: np.ndarray) -> dict[str, Any]:
  """The three measures, of margins `[M, N]` of as many networks of each kind.

  Example:
    >>> margins = np.random.default_rng(0).normal(size=(4, 30))
    >>> estimates = scores(margins, margins)
    >>> float(estimates['klom'].value), float(estimates['forgetting_score'].value)
    (0.0, 1.0)
  """
  count = len(unlearned)
  return measured.tried({
      # With few members one variance for all examples is steadier.
      'lira_auc': lambda: lira.ulira(
          unlearned, retrained, pooled_variance=count < 16).auc,
      'klom': lambda: estimate_lib.normal(klom.kl_of_margins(unlearned, retrained)),
      'forgetting_score': lambda: forgetting_score.forgetting_quality(
          forgetting_score.attack_epsilons(unlearned, retrained), count)})
