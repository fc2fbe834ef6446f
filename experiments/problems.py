"""What is asked of which network: requests, the trained network, and its problem."""

from collections.abc import Mapping, Sequence
import dataclasses
import pathlib
from typing import Any

import jax
import numpy as np

from experiments import settings as settings_lib
from unsc_jax import data as data_lib
from unsc_jax import models
from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import storage
from unsc_jax import training
from unsc_jax.command import running
from unsc_jax.evaluation.metrics import signals
from unsc_jax.storage import checkpoints


@dataclasses.dataclass(frozen=True)
class Request:
  """What is to be forgotten: whole classes, a random share by seed, or a list.

  Attributes:
    classes: of which everything goes.
    share: of all training examples, or of those of the classes `share_of`.
    seed: of its draw.
    share_of: see `share`.
    indices: places in the training data.
  """
  classes: tuple[int, ...] = ()
  share: float | None = None
  seed: int = 0
  share_of: tuple[int, ...] = ()
  indices: tuple[int, ...] = ()

  def split(self, examples: problem_lib.Examples
            ) -> tuple[problem_lib.Examples, problem_lib.Examples]:
    """`(retain, forget)`."""
    return problem_lib.split(
        examples, self.classes, share=self.share, seed=self.seed,
        share_of=self.share_of, indices=self.indices)


def of(fields: Mapping[str, Any]) -> Request:
  """A request as JSON has it."""
  return Request(**{name: tuple(value) if isinstance(value, list) else value
                    for name, value in fields.items()})


@dataclasses.dataclass(frozen=True)
class Task:
  """A data set, and the network that learns it."""
  settings: settings_lib.Settings
  dataset: data_lib.Dataset
  network: problem_lib.Network

  def session(self, folder: pathlib.Path | None = None, seed: int = 0
              ) -> session_lib.Session:
    """All devices, a bar, and in a folder the states of one seed's loops."""
    epochs = f'{self.settings.recipe.epochs:g}-epochs'
    name = f'{self.dataset.name}-{self.settings.network}-{epochs}-seed-{seed}'
    return session_lib.Session(
        running.mesh(), running.progress, folder and storage.Checkpoint(folder / name))

  def train(self, key: jax.Array, session: session_lib.Session) -> problem_lib.Params:
    """Trains the original network."""
    return training.train(
        self.network, self.dataset.train, self.settings.recipe, key, session=session,
        label='training the original').params

  def restore(self, path: pathlib.Path) -> problem_lib.Params:
    """Reads the network's parameters from an .npz or an Orbax folder."""
    return checkpoints.load(
        path, jax.eval_shape(self.network.init, jax.random.key(0)))

  def problem(self, request: Request, params: problem_lib.Params,
              session: session_lib.Session) -> problem_lib.Problem:
    """What a method is given: the network that is to forget, and its data."""
    return problem_lib.Problem(
        self.network, params, *request.split(self.dataset.train),
        self.dataset.num_classes, request.classes, held_out=self.dataset.validation,
        session=session)


def task(settings: settings_lib.Settings, dataset: data_lib.Dataset) -> Task:
  """Builds the network for the data set's images and classes."""
  module = settings_lib.NETWORKS[settings.network]
  return Task(settings, dataset, models.from_linen(
      module(num_classes=dataset.num_classes), dataset.train.x.shape[1:]))


def surrogates(request: Request, classes: Sequence[int] = ()) -> list[Request]:
  """Requests of the same kind for other data.

  Args:
    request: the one that counts.
    classes: each a surrogate of its own.

  Returns:
    The surrogates; none for a request of classes if there are no `classes`, see
    `hardest`.

  Raises:
    ValueError: a class is the request's own, a share is given classes, or the request
      is a list, which has no others of its kind.
  """
  if request.share is not None:
    if classes:
      raise ValueError(
          'a random share has no classes; drop --share, or --surrogates.')
    return [dataclasses.replace(request, seed=request.seed + i) for i in (1, 2)]
  if request.indices:
    raise ValueError(
        'a list of indices has no others of its kind; choose settings on a random share.')
  if both := set(classes) & set(request.classes):
    raise ValueError(
        f'class {min(both)} is the request; choose another as its surrogate.')
  return [Request((c,)) for c in classes]


def hardest(
    request: Request, network: problem_lib.Network, params: problem_lib.Params,
    examples: problem_lib.Examples, count: int = 2, *,
    session: session_lib.Session = session_lib.DEFAULT,
) -> list[Request]:
  """The classes that stay and that a network is least sure of.

  Of easy classes what forgets in haste does as well as what takes care, and its
  settings are too rough for others.

  Args:
    request: the one that counts.
    network: whose classes they are.
    params: of the network.
    examples: that it was not trained on.
    count: how many classes.
    session: where to run.

  Returns:
    The surrogates, the hardest first.
  """
  sure = np.asarray(signals.confidence(
      training.predict(network.fn, params, examples.x, session=session), examples.y))
  staying = np.setdiff1d(examples.y, request.classes)
  by_class = [np.mean(sure[examples.y == c]) for c in staying]
  return [Request((int(c),)) for c in staying[np.argsort(by_class)[:count]]]
