"""All rows of a study: every network beside the retrained ones of all seeds."""

from collections.abc import Mapping, Sequence

from unsc_jax import evaluation
from unsc_jax import problem as problem_lib
from unsc_jax import report
from unsc_jax import training
from unsc_jax.evaluation.shadows import ensembles
from unsc_jax.study import pictures as pictures_lib
from unsc_jax.study import runs as runs_lib


def of_seeds(
    runs: Sequence[runs_lib.Run], methods: Mapping[str, problem_lib.Method],
    recipe: training.Recipe | None, *, references: int = 0, shadows: int = 0,
    pictures: bool = True,
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
    pictures: whether to draw them.

  Returns:
    The rows, and pictures of the first seed.

  Raises:
    ValueError: there are too few shadows to fit anything to.
  """
  check_shadows(shadows)
  trained = [_ensembles(run, recipe, references, shadows) for run in runs]
  runs = [run.with_further(ensembles.members(run.setup.problem, ensemble.retrained))
          for run, ensemble in zip(runs, trained)]
  known = {seed: evaluation.reference(run.setup, network)
           for run in runs for seed, network in run.retrained.items()}
  rows, drawn = [], report.Pictures()
  for run, ensemble in zip(runs, trained):
    outputs = {name: run.setup.outputs(network)
               for name, network in run.networks.items()}
    measured = {name: _measure(name, run.seed, run.setup, network, known, outputs[name])
                for name, network in run.networks.items()}
    if shadows:
      measured = {name: one.with_(ensembles.measure(
          run.setup.problem, ensemble, None if name == runs_lib.RETRAIN else methods[name],
          run.keys[1])) for name, one in measured.items()}
    if run is runs[0] and pictures:
      drawn = pictures_lib.draw(run.setup.problem, outputs, run.bases, run.keys[2])
    rows += [*(row(name, run.seed, one) for name, one in measured.items()),
             *(row(runs_lib.RETRAIN, seed,
                   _measure(runs_lib.RETRAIN, seed, run.setup, network, known))
               for seed, network in run.further.items())]
  return tuple(rows), drawn


def check_shadows(shadows: int) -> None:
  """Raises if there are too few shadows to fit anything to."""
  if 0 < shadows < ensembles.LEAST:
    raise ValueError(
        f'{shadows} shadow networks are too few to fit a distribution to; take '
        f'{ensembles.LEAST} or more, or none.')


def row(method: str, seed: int, measured: evaluation.Measured) -> report.Row:
  """What the results hold of one network."""
  return report.Row(method=method, seed=seed, **vars(measured))


def _ensembles(run: runs_lib.Run, recipe: training.Recipe | None, references: int, shadows: int
               ) -> ensembles.Ensembles:
  if recipe is None:
    return ensembles.Ensembles(None, None)
  return ensembles.train(
      run.setup.problem, recipe, run.keys[0], originals=shadows,
      retrained=max(references, 2 * shadows))


def _measure(name, seed, setup, network, known, outputs=None) -> evaluation.Measured:
  """One network beside retrained ones, of which it may be one itself."""
  others = [one for number, one in known.items()
            if name != runs_lib.RETRAIN or number != seed]
  # Retrained networks have one other less, so the last one counts for none.
  others = others[:max(1, len(known) - 1)]
  return evaluation.measure(
      setup, network, outputs=outputs, references=others if known else None)
