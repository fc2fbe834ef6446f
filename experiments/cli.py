"""What all experiments on one request can be told."""

import dataclasses
import pathlib
from typing import Any


@dataclasses.dataclass(frozen=True)
class Options:
  """Data, network, request, and where things are kept."""
  dataset: str = 'digits'
  """digits, or a tfds name: fashion_mnist, cifar10, cifar100, svhn_cropped, mnist."""
  model: str | None = None
  """alexnet, allcnn, mlp, resnet18, small_cnn, tiny_cnn, vgg11; else the paper's."""
  forget: tuple[int, ...] = ()
  """Classes to forget; by default the paper's."""
  seeds: tuple[int, ...] = (0,)
  """One original and one retrained network for each."""
  epochs: float | None = None
  """Training epochs of the original and the retrained network."""
  probe_epochs: float = 20
  """Training epochs of the linear probe."""
  data_dir: pathlib.Path | None = None
  """Where tfds keeps its data; by default TFDS_DATA_DIR, as tfds has it."""
  name: str | None = None
  """Of the folder in `out`; by default made from what was asked for."""
  out: pathlib.Path = pathlib.Path('runs')
  """Where results go."""
  resume: pathlib.Path | None = None
  """Folder for the state of a run: one that was killed goes on from it."""
  distributed: bool = False
  """Whether this is one of several processes, see docs/distributed.md."""


# Where things are and how many processes run: nothing that a result depends on.
_PLACES = ('data_dir', 'name', 'out', 'resume', 'distributed')


def plain(options: Options) -> dict[str, Any]:
  """What was asked for, as JSON can hold it; not where it is kept."""
  return {name: str(value) if isinstance(value, pathlib.Path) else value
          for name, value in dataclasses.asdict(options).items()
          if name not in _PLACES}
