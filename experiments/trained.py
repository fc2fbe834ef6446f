"""Networks of a study, trained once: one that was killed finds them when it goes on."""

import pathlib
from typing import Any

import jax

from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import storage
from unsc_jax import training
from unsc_jax.command import running
from unsc_jax.storage import checkpoints


def like(network: problem_lib.Network) -> Any:
  """The shapes of a network's parameters."""
  return jax.eval_shape(network.init, jax.random.key(0))


def once(folder: pathlib.Path, name: str, network: problem_lib.Network,
         examples: problem_lib.Examples, recipe: training.Recipe, key: jax.Array) -> Any:
  """A network's parameters, trained on the examples, or as they were kept.

  Args:
    folder: where they are kept.
    name: of them there.
    network: to be trained.
    examples: to train it on.
    recipe: of training.
    key: of training.

  Returns:
    The parameters.

  Raises:
    ValueError: what is kept by that name was trained in another way.
  """
  path = folder / f'{name}.npz'

  def train():
    checkpoints.save(path, training.train(
        network, examples, recipe, key, label=name,
        session=session_lib.Session(progress=running.progress)).params)

  storage.kept(folder, name, {
      'recipe': recipe, 'key': key, 'network': storage.program(
          network.fn, like(network), examples.x[:1]),
      'inputs': examples.x, 'labels': examples.y}, train)
  return checkpoints.load(path, like(network))
