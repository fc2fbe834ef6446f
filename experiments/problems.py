"""The network that is to forget: built, trained or restored, and its problem."""

import dataclasses
import pathlib

import jax

from experiments import bars
from experiments import processes
from experiments import settings as settings_lib
from unsc_jax import data as data_lib
from unsc_jax import models
from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import storage
from unsc_jax import training
from unsc_jax.storage import checkpoints


def build(chosen: settings_lib.Settings, dataset: data_lib.Dataset
          ) -> problem_lib.Network:
  """The network, for the data set's images and classes."""
  module = settings_lib.NETWORKS[chosen.network]
  return models.from_linen(
      module(num_classes=dataset.num_classes), dataset.train.x.shape[1:])


def pose(chosen: settings_lib.Settings, dataset: data_lib.Dataset,
         network: problem_lib.Network, key: jax.Array,
         checkpoint: pathlib.Path | None = None,
         session: session_lib.Session | None = None) -> problem_lib.Problem:
  """The problem of forgetting, with an original that is trained or restored."""
  session = session or session_lib.Session(processes.mesh(), bars.progress)
  if checkpoint:
    params = restore(network, checkpoint)
  else:
    params = training.train(
        network, dataset.train, chosen.recipe, key, session=session,
        label='training the original').params
  retain, forget = problem_lib.split_classes(dataset.train, chosen.forget)
  return problem_lib.Problem(
      network, params, retain, forget, dataset.num_classes, chosen.forget,
      held_out=dataset.validation,
      session=dataclasses.replace(session, checkpoint=None))


def session(folder: pathlib.Path | None, chosen: settings_lib.Settings,
            dataset: data_lib.Dataset, seed: int) -> session_lib.Session:
  """This run's devices and bars, and where one seed's loops keep their states."""
  name = (f'{dataset.name}-{chosen.network}-{chosen.recipe.epochs:g}-epochs-'
          f'seed-{seed}')
  return session_lib.Session(
      processes.mesh(), bars.progress, folder and storage.Checkpoint(folder / name))


def restore(network: problem_lib.Network, path: pathlib.Path) -> problem_lib.Params:
  """A network's parameters from an .npz or an Orbax folder."""
  return checkpoints.load(path, jax.eval_shape(network.init, jax.random.key(0)))
