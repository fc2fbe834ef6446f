"""Where and how a run happens: its devices, its progress bar, its states."""

from collections.abc import Callable, Iterable
import dataclasses

import jax

from unsc_jax import storage

Progress = Callable[[Iterable, str, int], Iterable]


def no_progress(steps: Iterable, label: str, total: int) -> Iterable:
  """The progress bar of those who want none."""
  del label, total
  return steps


@dataclasses.dataclass(frozen=True)
class Session:
  """Where and how a run happens; it changes nothing of what is computed.

  Attributes:
    mesh: devices to split batches over; None is the default device.
    progress: wraps every long loop: `(steps, label, total) -> steps`.
    checkpoint: where loops keep their states, to go on from them if the run was
      killed, each in a folder named after its label; None is nowhere.

  Example:
    >>> session = Session(checkpoint=storage.Checkpoint('states')).within('seed 0')
    >>> session.checkpoint.folder.as_posix()
    'states/seed-0'
  """
  mesh: jax.sharding.Mesh | None = None
  progress: Progress = no_progress
  checkpoint: storage.Checkpoint | None = None

  def within(self, name: str) -> 'Session':
    """The same, with its states in a folder of this name within its own."""
    return dataclasses.replace(
        self, checkpoint=self.checkpoint and self.checkpoint / name)


DEFAULT = Session()  # the default device, no bar, nothing kept
