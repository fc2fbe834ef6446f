"""What is asked to be forgotten, and requests like it to choose settings on."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import training
from unsc_jax.evaluation.metrics import signals


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


def surrogates(request: Request, classes: Sequence[int] = ()) -> list[Request]:
  """Requests of the same kind for other data.

  Args:
    request: the one that counts.
    classes: each a surrogate of its own.

  Returns:
    The surrogates; none for a request of classes if there are no `classes`, see
    `hardest`.

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
  return [Request((c,)) for c in classes]


def hardest(
    request: Request, fn: Callable, params: Any, examples: problem_lib.Examples,
    count: int = 2, *, session: session_lib.Session = session_lib.DEFAULT,
) -> list[Request]:
  """The classes that stay and that a network is least sure of.

  Of easy classes what forgets in haste does as well as what takes care, and its
  settings are too rough for others.

  Args:
    request: the one that counts.
    fn: `(params, x) -> logits`.
    params: of the network.
    examples: that it was not trained on.
    count: how many classes.
    session: where to run.

  Returns:
    The surrogates, the hardest first.
  """
  sure = signals.confidence(
      training.predict(fn, params, examples.x, session=session), examples.y)
  staying = np.setdiff1d(examples.y, request.classes)
  by_class = [np.mean(sure[examples.y == c]) for c in staying]
  return [Request((int(c),)) for c in staying[np.argsort(by_class)[:count]]]
