"""Progress bars, for a person who watches."""

from collections.abc import Iterable

import tqdm

from experiments import processes


def progress(steps: Iterable, label: str, total: int) -> Iterable:
  """A bar on standard error that shows after a moment; none in a log file."""
  return tqdm.tqdm(steps, desc=label, total=total, delay=.5, leave=False,
                   dynamic_ncols=True,
                   disable=None if processes.is_first() else True)
