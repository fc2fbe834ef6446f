"""How far a run is: a bar on a terminal, lines in a log."""

from collections.abc import Callable, Generator, Iterable, Iterator
import contextlib
import importlib.util
import sys
import threading
import time
from typing import Any


class Lines:
  """Lines that say which loop runs and how far it is; never long without one.

  A loop has a line as soon as the last one is a second old, and another whenever
  `every` seconds have passed without any. `beating` says so between the steps as well,
  while a program is compiled, say.

  Args:
    write: takes a line.
    every: seconds.
    clock: tells the time in seconds.
  """

  def __init__(self, write: Callable[[str], None], every: float = 10,
               clock: Callable[[], float] = time.monotonic):
    self._write, self._every, self._clock = write, every, clock
    self._start, self._last = clock(), -float('inf')
    self._doing = ['starting']  # the loops that run, the inmost last
    self._lock = threading.Lock()

  def __call__(self, steps: Iterable, label: str, total: int) -> Iterator:
    """Wraps a loop, as `session.Progress`."""
    self._doing[0] = 'measuring'  # what is between loops, and is none
    self._doing.append(label)
    told = self._say(after=1)
    try:
      for i, step in enumerate(steps):
        self._doing[-1] = f'{label}, {i} of {total}'
        told = self._say(self._every if told else 1) or told
        yield step
    finally:
      self._doing.pop()

  @contextlib.contextmanager
  def beating(self) -> Generator[None]:
    """Says what is going on from a thread of its own, while the block runs."""
    with repeating(self._every / 4, lambda: self._say(self._every * .9)):
      yield

  def _say(self, after: float) -> bool:
    """Says what is going on, if the last line is so old; whether it did."""
    with self._lock:
      now = self._clock()
      if now - self._last < after:
        return False
      self._last = now
      self._write(f'{now - self._start:.0f} s: {self._doing[-1]}')
      return True


def to_log() -> Lines:
  """Lines on standard error."""
  return Lines(lambda line: print(line, file=sys.stderr, flush=True))


def bar(steps: Iterable, label: str, total: int) -> Iterable:
  """A bar on standard error that shows after a moment."""
  import tqdm
  return tqdm.tqdm(steps, desc=label, total=total, delay=.5, leave=False,
                   dynamic_ncols=True)


@contextlib.contextmanager
def shown() -> Generator[Callable[[Iterable, str, int], Iterable]]:
  """What wraps every loop of a block: a bar on a terminal, lines in a log.

  Without tqdm a terminal has lines as well.
  """
  if sys.stderr.isatty() and importlib.util.find_spec('tqdm'):
    yield bar
  else:
    lines = to_log()
    with lines.beating():
      yield lines


@contextlib.contextmanager
def repeating(seconds: float, act: Callable[[], Any]) -> Generator[None]:
  """Does something every so many seconds from a thread of its own, while the block runs."""
  over = threading.Event()

  def repeat():
    while not over.wait(seconds):
      act()

  thread = threading.Thread(target=repeat, daemon=True)
  thread.start()
  try:
    yield
  finally:
    over.set()
    thread.join()
