"""Which data results are of, with a hash to know them again."""

import numpy as np

from unsc_jax import problem as problem_lib
from unsc_jax import report
from unsc_jax import storage


def data(problem: problem_lib.Problem, test: problem_lib.Examples, *,
         name: str = 'data', class_names: tuple[str, ...] = ()) -> report.Dataset:
  """What a problem's data are, with a hash to know them again.

  Args:
    problem: what was asked for.
    test: all test examples.
    name: of the data.
    class_names: one for each class; by default their numbers.

  Returns:
    The description; validation data are the held out examples.
  """
  train = np.concatenate([problem.retain.labels, problem.forget.labels])
  held_out = problem.held_out.labels if problem.held_out else train[:0]
  splits = {'train': train, 'validation': held_out, 'test': test.labels}
  count = lambda labels: tuple(np.bincount(labels, minlength=problem.num_classes).tolist())
  return report.Dataset(
      name=name, num_classes=problem.num_classes,
      class_names=class_names or tuple(map(str, range(problem.num_classes))),
      sizes=report.Sizes(**{split: len(labels) for split, labels in splits.items()}),
      class_counts=report.ClassCounts(**{
          split: count(labels) for split, labels in splits.items()}),
      sha256=storage.fingerprint([
          (part.x, part.y) for part in (problem.retain, problem.forget, problem.held_out, test)
          if part is not None]))
