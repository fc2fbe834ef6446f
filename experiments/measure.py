"""All rows of a request, and the pictures of its first networks."""

from collections.abc import Mapping, Sequence
import dataclasses

import jax

from experiments import pictures
from unsc_jax import evaluation
from unsc_jax import problem as problem_lib
from unsc_jax import report
from unsc_jax import training
from unsc_jax.evaluation.shadows import ensembles

_RETRAIN = 'retrain'


@dataclasses.dataclass(frozen=True)
class Run:
  """The networks of one seed, by method, `retrain` among them."""
  seed: int
  setup: evaluation.Setup
  networks: Mapping[str, problem_lib.Unlearned]

  @property
  def keys(self) -> jax.Array:
    """Keys for training, forgetting and drawing."""
    return jax.random.split(self.setup.key, 3)


def of_seeds(
    runs: Sequence[Run], methods: Mapping[str, problem_lib.Method],
    recipe: training.Recipe, *, references: int = 0, shadows: int = 0,
) -> tuple[tuple[report.Row, ...], report.Pictures]:
  """Measures every network by the retrained ones of all seeds.

  All seeds forget the same data, so that a network retrained for one of them is a
  reference for the others.

  Args:
    runs: one a seed.
    methods: those that made the networks, for shadow originals to forget by.
    recipe: of the further retrained networks and the shadow originals.
    references: how many further networks to retrain for every seed. Each is a row
      of `retrain` with a seed of its own.
    shadows: how many shadow originals to train for every seed and let forget by
      every method, held against as many retrained networks.

  Returns:
    The rows, and pictures of the first seed.

  Raises:
    ValueError: there are too few shadows to fit anything to.
  """
  check(shadows)
  trained = [ensembles.train(
      run.setup.problem, recipe, run.keys[0], originals=shadows,
      retrained=max(references, 2 * shadows)) for run in runs]
  # Numbers that no `--seeds` has.
  further = [{1000 * (run.seed + 1) + i: network for i, network in enumerate(
      ensembles.members(run.setup.problem, ensemble.retrained))}
             for run, ensemble in zip(runs, trained)]
  known = {seed: evaluation.reference(run.setup, network)
           for run, more in zip(runs, further)
           for seed, network in {run.seed: run.networks[_RETRAIN], **more}.items()}
  rows, drawn = [], report.Pictures()
  for run, ensemble, more in zip(runs, trained, further):
    outputs = {name: run.setup.outputs(network)
               for name, network in run.networks.items()}
    measured = {name: _measure(name, run.seed, run.setup, network, known, outputs[name])
                for name, network in run.networks.items()}
    if shadows:
      measured = {name: measured[name].with_(ensembles.measure(
          run.setup.problem, ensemble, None if name == _RETRAIN else method,
          run.keys[1])) for name, method in methods.items()}
    if run is runs[0]:
      bases = next((network.bases for network in run.networks.values()
                    if network.bases is not None), None)
      drawn = pictures.draw(run.setup.problem, outputs, bases, run.keys[2])
    rows += [*(row(name, run.seed, one) for name, one in measured.items()),
             *(row(_RETRAIN, seed, _measure(_RETRAIN, seed, run.setup, network, known))
               for seed, network in more.items())]
  return tuple(rows), drawn


def check(shadows: int) -> None:
  """Raises if there are too few shadows to fit anything to."""
  if 0 < shadows < ensembles.LEAST:
    raise ValueError(
        f'{shadows} shadow networks are too few to fit a distribution to; take '
        f'{ensembles.LEAST} or more, or none.')


def row(method: str, seed: int, measured: evaluation.Measured) -> report.Row:
  """What the results hold of one network."""
  return report.Row(method=method, seed=seed, **vars(measured))


def _measure(name, seed, setup, network, known, outputs=None) -> evaluation.Measured:
  """One network beside retrained ones, of which it may be one itself."""
  others = [one for number, one in known.items()
            if name != _RETRAIN or number != seed]
  # Retrained networks have one other less, so the last one counts for none.
  others = others[:max(1, len(known) - 1)]
  return evaluation.measure(setup, network, outputs=outputs, references=others)
