"""What is asked to be forgotten, and requests like it to choose settings on."""

from collections.abc import Sequence
from typing import NamedTuple

from unsc_jax import data as data_lib
from unsc_jax import problem as problem_lib


class Request(NamedTuple):
  """What is to be forgotten: whole classes, or a random share by seed."""
  classes: tuple[int, ...] = ()
  share: float | None = None
  seed: int = 0

  def split(self, examples: problem_lib.Examples
            ) -> tuple[problem_lib.Examples, problem_lib.Examples]:
    """`(retain, forget)`."""
    if self.share is None:
      return problem_lib.split_classes(examples, self.classes)
    return problem_lib.split_random(examples, self.share, self.seed)


def surrogates(request: Request, dataset: data_lib.Dataset,
               classes: Sequence[int] = ()) -> list[Request]:
  """Requests of the same kind for other data.

  Args:
    request: the one that counts.
    dataset: whose classes there are.
    classes: each a surrogate of its own; by default the first two that stay.

  Returns:
    The surrogates.

  Raises:
    ValueError: a class is the request's own, or a share is given classes.
  """
  if request.share is not None:
    if classes:
      raise ValueError(
          'a random share has no classes; drop --share, or --surrogates.')
    return [request._replace(seed=request.seed + i) for i in (1, 2)]
  if both := set(classes) & set(request.classes):
    raise ValueError(
        f'class {min(both)} is the request; choose another as its surrogate.')
  staying = [c for c in range(dataset.num_classes) if c not in request.classes]
  return [Request((c,)) for c in classes or staying[:2]]
