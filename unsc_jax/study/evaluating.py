"""The one entry: methods on a problem, beside their controls, as results and a page."""

from collections.abc import Mapping, Sequence
import dataclasses
import importlib.util
import time
from typing import Any

import jax

from unsc_jax import methods as methods_lib
from unsc_jax import problem as problem_lib
from unsc_jax import provenance
from unsc_jax import report
from unsc_jax import storage
from unsc_jax import training
from unsc_jax.study import layers as layers_lib
from unsc_jax.study import origin
from unsc_jax.study import rows as rows_lib
from unsc_jax.study import runs as runs_lib

Problems = problem_lib.Problem | Mapping[int, problem_lib.Problem]
Methods = Mapping[str, problem_lib.Method] | Sequence[problem_lib.Method]


def evaluate(
    problem: Problems, methods: Methods, test: problem_lib.Examples, *,
    recipe: training.Recipe | None = None,
    retrained: Sequence[problem_lib.Params] = (),
    references: int = 0, shadows: int = 0, controls: bool = True,
    probe_epochs: float = 20, pictures: bool = True,
    name: str = 'data', class_names: Sequence[str] = (), seed: int = 0,
) -> report.Results:
  """Lets every method forget, and measures it beside the retrained network.

  Added by themselves are the controls `original`, `retrain` and, for whole classes,
  `head_only`, unless `methods` has one of that name.

  Args:
    problem: the network and what it is to forget; or one problem a seed, each with an
      original of its own and all with the same data.
    methods: by the names of their rows; or in a sequence, as those of
      `unsc_jax.methods` and functions have names.
    test: examples of all classes that the network has never seen.
    recipe: how the original was trained, to retrain it without what it forgets: once a
      seed for which `retrained` has none, and `references` times more.
    retrained: parameters of networks that are retrained already, one a seed; the rest
      are further references. With neither, what needs retrained networks is left out.
    references: further networks to retrain for every seed: from three on, the noise of
      a seed is told from a gap.
    shadows: shadow originals to train for every seed, for U-LiRA, KLoM and the
      forgetting score; 3 at least, or none.
    controls: whether to add them.
    probe_epochs: training epochs of the linear probe.
    pictures: whether to make the data of feature maps, histograms and contours.
    name: of the data.
    class_names: one for each class; by default their numbers.
    seed: of all that is drawn, where `problem` is a single one.

  Returns:
    Results: print `.table()`, write `.page(path)` or `.save(folder)`, take a
    `.figure(name)` for a paper.

  Raises:
    ImportError: scikit-learn is missing.
    ValueError: something does not fit; one sentence says what, before anything runs.
    FloatingPointError: none of the methods has come to an end.

  Warns:
    UserWarning: a method has met NaN or infinity, and has no row.

  Example:
    >>> import numpy as np
    >>> x, y = np.eye(4, dtype=np.float32).repeat(30, 0), np.arange(4).repeat(30)
    >>> data = problem_lib.Examples(x, y)
    >>> network = problem_lib.Network(lambda params, x: x @ params['head'])
    >>> problem = problem_lib.Problem(
    ...     network, {'head': 9 * np.eye(4, dtype=np.float32)},
    ...     *problem_lib.split_classes(data, [3]), 4, (3,))
    >>> results = evaluate(problem, [methods_lib.esc(.5)], data, pictures=False)
    >>> results.methods
    ('original', 'head_only', 'esc')
  """
  start = time.perf_counter()
  problems = dict(problem) if isinstance(problem, Mapping) else {seed: problem}
  by_name = named(methods)
  _check(problems, recipe, retrained, references, shadows, probe_epochs)
  first, *_ = problems.values()
  described = origin.data(
      first, first.checked(test, 'the test set'), name=name, class_names=tuple(class_names))
  if controls:
    by_name = {**_controls(first, recipe), **by_name}
  made = provenance.run()
  # The first seeds' own, and what is left to the last of them.
  ready = [retrained[i:i + 1] for i in range(len(problems) - 1)]
  ready.append(retrained[len(ready):])
  runs = [runs_lib.networks(
      number, of_seed, by_name, test, retrained=own, probe_epochs=probe_epochs)
      for (number, of_seed), own in zip(problems.items(), ready)]
  found = results(
      runs, by_name, recipe, references=references, shadows=shadows, pictures=pictures,
      dataset=described, made=made, config={
          'seeds': [*problems], 'methods': [*by_name], 'training': told(recipe),
          'references': references, 'shadows': shadows, 'probe_epochs': probe_epochs})
  return dataclasses.replace(found, wall_seconds=time.perf_counter() - start)


def results(
    runs: Sequence[runs_lib.Run], methods: Mapping[str, problem_lib.Method],
    recipe: training.Recipe | None, *, dataset: report.Dataset, made: Mapping[str, Any],
    config: Mapping[str, Any], references: int = 0, shadows: int = 0,
    pictures: bool = True, experiment: str = 'evaluate',
) -> report.Results:
  """Measures the networks of all seeds; what `evaluate` does after they are there.

  Args:
    runs: of `networks`, one a seed.
    methods: that made them, by name.
    recipe: of further retrained networks and shadow originals; None trains none.
    dataset: of `origin.data`.
    made: of `provenance.run`.
    config: what was asked for, `seeds` among it.
    references: as for `evaluate`, as are `shadows` and `pictures`.
    shadows: see there.
    pictures: see there.
    experiment: name of the script.

  Returns:
    The results.

  Raises:
    FloatingPointError: no network is there but controls.
  """
  problem = runs[0].setup.problem
  if not any({*run.networks} - {*CONTROLS} for run in runs) and {*methods} - {*CONTROLS}:
    raise FloatingPointError(
        'every method has met NaN or infinity; lower their learning rates.')
  rows, drawn = rows_lib.of_seeds(
      runs, methods, recipe, references=references, shadows=shadows, pictures=pictures)
  here = {row.method for row in rows}
  confined = runs[0].confined
  sizes = dataclasses.replace(dataset.sizes, forget=len(problem.forget))
  return report.Results(
      experiment=experiment, **made, config=config,
      dataset=dataclasses.replace(dataset, sizes=sizes),
      forget_classes=problem.forget_classes,
      methods=tuple(name for name in dict.fromkeys([*methods, runs_lib.RETRAIN])
                    if name in here),
      rows=rows, pictures=drawn,
      layers=layers_lib.layers(problem, confined) if confined else ())


CONTROLS = ('original', runs_lib.RETRAIN, 'head_only')


def _controls(problem: problem_lib.Problem, recipe: training.Recipe | None
              ) -> dict[str, problem_lib.Method]:
  """What every table needs beside the methods."""
  found = {'original': methods_lib.original()}
  if recipe is not None:
    found[runs_lib.RETRAIN] = methods_lib.retrain(recipe)
  if problem.forget_classes:
    found['head_only'] = methods_lib.head_only()
  return found


def named(methods: Methods) -> dict[str, problem_lib.Method]:
  """Methods by name.

  Raises:
    ValueError: there are none, or one does not tell its name, or two have the same.

  Example:
    >>> [*named([methods_lib.unsc(), methods_lib.head_only()])]
    ['unsc', 'head_only']
  """
  if not len(methods):
    raise ValueError("there is no method; give one, as {'unsc': methods.unsc()}.")
  if isinstance(methods, Mapping):
    return dict(methods)
  found: dict[str, problem_lib.Method] = {}
  for i, method in enumerate(methods, 1):
    name = _name(method)
    if name is None or name in found:
      fault = 'does not tell its name' if name is None else f'is a second {name!r}'
      raise ValueError(f'method {i} {fault}; give a mapping from names to methods, as '
                       "{'mine': method}.")
    found[name] = method
  return found


def _name(method: problem_lib.Method) -> str | None:
  """Of a function its own, and of what a factory returns the factory's."""
  name = getattr(method, '__qualname__', type(method).__qualname__)
  outer = name.partition('.')[0]
  return None if outer in ('compose', '<lambda>', 'function') else outer


def _check(problems, recipe, retrained, references, shadows, probe_epochs) -> None:
  """Raises for what would show only after minutes."""
  if importlib.util.find_spec('sklearn') is None:
    raise ImportError("evaluate needs scikit-learn: pip install 'unsc_jax[report]'.",
                      name='sklearn')
  if not problems:
    raise ValueError('there is no problem; give one, or one a seed as {0: problem}.')
  first, *others = problems.values()
  if any(_asked(other) != _asked(first) for other in others):
    raise ValueError('the problems of the seeds ask for different things; give all of '
                     'them the same data, classes and forget set.')
  rows_lib.check_shadows(shadows)
  for option, value in (('references', references), ('shadows', shadows)):
    if value < 0:
      raise ValueError(f'{option} is {value}; give a whole number from 0 on.')
    if value and recipe is None:
      raise ValueError(f'{option}={value} are networks to train; give the recipe that the '
                       'original was trained by.')
  if not probe_epochs > 0:
    raise ValueError(f'probe_epochs is {probe_epochs}; give a number above 0.')
  if recipe is not None and first.network.init is None:
    raise ValueError('a recipe trains from fresh parameters; give the Network an `init` '
                     'function from a key to params, or give retrained networks.')
  for i, params in enumerate(retrained):
    if _shapes(params) != _shapes(first.params):
      raise ValueError(f'retrained[{i}] is no parameters of the network: paths or shapes '
                       'differ from those of problem.params.')


def _asked(problem: problem_lib.Problem) -> tuple:
  return (problem.num_classes, problem.forget_classes, len(problem.retain),
          len(problem.forget), problem.forget.labels.tolist())


def _shapes(params: Any) -> tuple:
  leaves, structure = jax.tree.flatten(params)
  return structure, tuple(jax.numpy.shape(leaf) for leaf in leaves)


def told(choice: Any) -> Any:
  """A choice by its fields; what cannot be seen into by its name."""
  try:
    return storage.describe(choice)
  except TypeError:
    if dataclasses.is_dataclass(choice) and not isinstance(choice, type):
      return {field.name: told(getattr(choice, field.name))
              for field in dataclasses.fields(choice)}
    return getattr(choice, '__qualname__', repr(choice))
