"""Wall time by phase."""

import contextlib
import time


class Stopwatch:
  """Adds up the wall time of named phases.

  Example:
    >>> stopwatch = Stopwatch()
    >>> with stopwatch('nothing'):
    ...   pass
    >>> list(stopwatch.seconds)
    ['nothing']
  """

  def __init__(self):
    self.seconds: dict[str, float] = {}

  @contextlib.contextmanager
  def __call__(self, phase: str):
    start = time.perf_counter()
    try:
      yield
    finally:
      spent = time.perf_counter() - start
      self.seconds[phase] = self.seconds.get(phase, 0) + spent
