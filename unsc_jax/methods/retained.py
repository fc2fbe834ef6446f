"""The moments of what is to be retained, as methods take them."""

from collections.abc import Iterable, Iterator

from unsc_jax import moments as moments_lib
from unsc_jax import problem as problem_lib
from unsc_jax.methods import passes


def moments_by_class(
    problem: problem_lib.Problem, batch_size: int
) -> Iterator[moments_lib.Moments]:
  """The moments of the retained inputs, one retained class after the other."""
  moments_fn = moments_lib.input_moments(problem.fn)
  classes = problem.retain_classes
  for c in problem.progress(classes, 'moments', len(classes)):
    x = problem.retain.where(problem.retain.y == c).x
    yield moments_lib.accumulate(
        moments_fn, problem.params, passes.batches(problem, x, batch_size))


def adding_up(
    classes: Iterable[moments_lib.Moments], total: list
) -> Iterator[moments_lib.Moments]:
  """Hands the classes' moments on, and leaves their sum in `total`."""
  for moments in classes:
    total[:] = [total[0] + moments if total else moments]
    yield moments
