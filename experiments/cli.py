"""The options that scripts share, and what a run was asked for."""

from __future__ import annotations  # tyro reads the help of options, and no one else

import dataclasses
import pathlib
from typing import Annotated, Any

from experiments import defaults
from experiments import settings as settings_lib
from unsc_jax import storage


@dataclasses.dataclass(frozen=True)
class Options:
  """Data, network, request, and where things are kept."""
  dataset: str = 'digits'
  """digits, fashion_mnist, cifar10, cifar100, svhn_cropped, or mnist."""
  model: Annotated[str | None, defaults.tuned(
      lambda settings: settings.network)] = None
  """alexnet, allcnn, mlp, resnet18, small_cnn, tiny_cnn, vgg11; else the paper's."""
  forget: Annotated[tuple[int, ...], defaults.tuned(
      lambda settings: settings.forget)] = ()
  """Classes to forget; by default the paper's."""
  seeds: tuple[int, ...] = (0,)
  """One original and one retrained network for each."""
  epochs: Annotated[float | None, defaults.tuned(
      lambda settings: settings.recipe.epochs)] = None
  """Training epochs of the original and the retrained network."""
  probe_epochs: float = 20
  """Training epochs of the linear probe."""
  data_dir: pathlib.Path | None = None
  """Where images are, as published or as tfds keeps them; else they are fetched."""
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


def asked(options: Options, settings: settings_lib.Settings, **more: Any
          ) -> dict[str, Any]:
  """What a run was asked for, defaults spelt out; not where it is kept."""
  given = {name: str(value) if isinstance(value, pathlib.Path) else value
           for name, value in vars(options).items() if name not in _PLACES}
  return storage.describe({
      **given, 'model': settings.network, 'forget': settings.forget,
      'epochs': settings.recipe.epochs, 'training': settings.recipe, **more})
