"""What `forget` and `evaluate` share: network, data, request, training and UNSC.

Everything is looked at before anything is trained.
"""

import dataclasses
import pathlib
import time
from typing import Any

import jax
import optax

from unsc_jax import data as data_lib
from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import storage
from unsc_jax import training
from unsc_jax.command import checks
from unsc_jax.command import networks
from unsc_jax.command import running
from unsc_jax.problem import checks as problem_checks
from unsc_jax.requests import store
from unsc_jax.storage import checkpoints


@dataclasses.dataclass(frozen=True)
class adam_cosine:
  """Adam, its rate going down to zero along a cosine."""
  rate: float

  def __call__(self, steps: int) -> optax.GradientTransformation:
    return optax.adam(optax.cosine_decay_schedule(self.rate, steps))


@dataclasses.dataclass(frozen=True)
class Asked:
  """Network, data and what is to be forgotten."""
  forget: tuple[int, ...] = ()
  """Classes to forget, by their numbers."""
  share: float | None = None
  """Forget this random share of the training examples instead."""
  share_of: tuple[int, ...] = ()
  """Classes to draw the share from; by default all."""
  indices: tuple[int, ...] = ()
  """Examples to forget instead, by their places in the training data."""
  network: str = 'unsc_jax.models:MLP'
  """module:name of a Network, a module of linen or NNX, or a function that returns one."""
  data: str = 'digits'
  """digits, mnist, fashion_mnist, cifar10, cifar100, svhn_cropped, or a .npz file with x,
  y, x_test and y_test."""
  data_dir: pathlib.Path | None = None
  """Where images are, as published or as tfds keeps them; else they are fetched."""
  params: pathlib.Path | None = None
  """Trained parameters, a .npz file or an Orbax folder; without them it is trained."""
  epochs: float = 20
  """Of training, by Adam with a cosine."""
  training_rate: float = 2e-3
  """Learning rate of training."""
  training_batch_size: int = 64
  """Examples a step of training."""
  tau: float = 1e-3
  """UNSC: how much passes of what the retained data use; more moves more."""
  energy: float | None = None
  """UNSC: to cut in the place of damping, the share of the inputs' energy to keep."""
  learning_rate: float = 1e-3
  """UNSC: of its Adam."""
  steps: int = 200
  """UNSC: steps at most."""
  batch_size: int = 128
  """UNSC: forget examples a step."""
  stop_below: float = .005
  """UNSC: probability of the forget set's labels below which it stops."""
  probe_epochs: float = 20
  """Training epochs of the linear probe."""
  seed: int = 0
  """Of all that is drawn."""
  out: pathlib.Path = pathlib.Path('runs')
  """Where the folder of results goes."""
  name: str | None = None
  """Of that folder; by default made from what was asked for."""
  resume: pathlib.Path | None = None
  """Folder for the state of a run: one that was killed goes on from it."""

  @property
  def recipe(self) -> training.Recipe:
    """How the network is trained, and retrained."""
    return training.Recipe(
        adam_cosine(self.training_rate), self.epochs, self.training_batch_size)

  @property
  def method(self) -> problem_lib.Method:
    """UNSC as it is asked for."""
    return methods.unsc(
        filter=null_space.soft(self.tau) if self.energy is None else self.energy,
        optimizer=optax.adam(self.learning_rate), steps=self.steps, batch_size=self.batch_size,
        stop_below=self.stop_below)

  @property
  def told(self) -> dict[str, Any]:
    """What a result depends on, as JSON has it."""
    places = ('data_dir', 'out', 'name', 'resume')
    return {'seeds': [self.seed], 'model': self.network.rpartition(':')[2], **{
        name: str(value) if isinstance(value, pathlib.Path) else value
        for name, value in vars(self).items() if name not in places},
            'tau': self.tau if self.energy is None else None}


@dataclasses.dataclass(frozen=True)
class Task:
  """What was asked for, looked at and read.

  Attributes:
    asked: the options.
    dataset: all data.
    network: to forget.
    trained: its parameters; None where it is to be trained.
    folder: of the results.
    begun: when, by `time.perf_counter`.
  """
  asked: Asked
  dataset: data_lib.Dataset
  network: problem_lib.Network
  trained: problem_lib.Params | None
  folder: pathlib.Path
  begun: float

  @property
  def test(self) -> problem_lib.Examples:
    return self.dataset.test

  def problem(self) -> problem_lib.Problem:
    """What methods are given, once the network is trained."""
    asked = self.asked
    session = session_lib.Session(
        running.mesh(), running.progress,
        None if asked.resume is None else storage.Checkpoint(asked.resume / self.folder.name))
    train_key, _, _ = jax.random.split(jax.random.key(asked.seed), 3)
    params = self.trained
    if params is None:
      params = training.train(
          self.network, self.dataset.train, asked.recipe, train_key, session=session,
          label='training').params
    validation = self.dataset.validation
    return problem_lib.Problem(
        self.network, params, *_split(asked, self.dataset.train), self.dataset.num_classes,
        asked.forget, held_out=validation if len(validation) else None, session=session)


def task(asked: Asked) -> Task:
  """Looks at all that was asked for, and reads the data.

  Raises:
    OSError: something to read is not there.
    ValueError: something has no meaning, or does not fit; one sentence says what.
  """
  begun = time.perf_counter()
  checks.check(asked)
  what = _named(asked)
  source = pathlib.Path(asked.data).stem
  folder = checks.folder(
      asked.out, asked.name or '-'.join([source, 'forget', *what]), asked.resume)
  dataset = data_lib.load(asked.data, asked.data_dir)
  _split(asked, dataset.train)  # raises if it cannot be, and takes less time than networks
  if not asked.forget and not len(dataset.validation):
    raise ValueError(f'{asked.data} has no validation data, by which single examples are '
                     'forgotten: add x_validation and y_validation.')
  return Task(asked, dataset, *_fitting(asked, dataset), folder, begun)


def read(asked: Any) -> tuple[data_lib.Dataset, problem_lib.Network, Any]:
  """Data, network and trained parameters or None, once they fit one another.

  Args:
    asked: with `network`, `data`, `data_dir` and `params`.

  Raises:
    OSError: something to read is not there.
    ValueError: something does not fit; one sentence says what.
  """
  dataset = data_lib.load(asked.data, asked.data_dir)
  return dataset, *_fitting(asked, dataset)


def _fitting(asked: Any, dataset: data_lib.Dataset) -> tuple[problem_lib.Network, Any]:
  """Network and trained parameters or None, that fit one another and the data."""
  x = dataset.train.x
  network = networks.network(asked.network, x.shape[1:], dataset.num_classes)
  trained = None
  if asked.params is not None:
    trained = checkpoints.load(asked.params, like(network, None) if network.init else
                               store.nested(checkpoints.read(asked.params)))
  elif network.init is None:
    raise ValueError(f'{asked.network} has no `init` to make parameters from: give trained '
                     'ones with --params.')
  problem_checks.outputs(network.fn, like(network, trained), x, dataset.num_classes)
  return network, trained


def like(network: problem_lib.Network, trained: Any) -> Any:
  """Parameters of a network, or their shapes where there are none."""
  if trained is not None:
    return trained
  return jax.eval_shape(lambda: training.fresh(network, jax.random.key(0)))


def _split(asked: Asked, examples: problem_lib.Examples):
  return problem_lib.split(
      examples, asked.forget, share=asked.share, seed=asked.seed,
      share_of=asked.share_of, indices=asked.indices)


def _named(asked: Asked) -> list[str]:
  """What is to be forgotten, in the name of a folder.

  Raises:
    ValueError: it is not of one kind.
  """
  if sum([bool(asked.forget), asked.share is not None, bool(asked.indices)]) != 1:
    raise ValueError(
        'name what is to be forgotten: either classes, as --forget 3, or a random share '
        'of the examples, as --share .01, or their places, as --indices 17 42.')
  if asked.share_of and asked.share is None:
    raise ValueError('--share-of names what a share is drawn from; add --share.')
  if asked.share is not None:
    of = ['of', *map(str, asked.share_of)] if asked.share_of else []
    return ['share', f'{asked.share:g}', *of]
  if asked.indices:
    return [f'{len(asked.indices)}', 'indices']
  return [*map(str, asked.forget)]
