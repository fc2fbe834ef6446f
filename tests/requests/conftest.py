"""A small store: a linear network, thirty examples of three classes, two of each unseen."""

import jax.numpy as jnp
import numpy as np
import pytest

from unsc_jax import problem
from unsc_jax import requests

NETWORK = problem.Network(lambda params, x: x @ params['head']['w'])
CHOICES = requests.Choices(
    energy=.99, learning_rate=.3, steps=30, batch_size=4, drift_budget=10.)
CLASSES = 3


def examples(each, seed):
  """Around a corner of its own for every class, in more directions than there are."""
  rng = np.random.default_rng(seed)
  y = np.arange(CLASSES).repeat(each)
  x = np.eye(CLASSES, 12)[y] + .01 * rng.normal(size=(len(y), 12)) * (np.arange(12) < 6)
  return problem.Examples(x.astype(np.float32), y)


DATA = examples(10, 0)
UNSEEN = examples(4, 1)
PARAMS = {'head': {'w': 4 * jnp.eye(12, CLASSES)}}


def enrol(folder, **changes):
  given = {'ids': [f'person {i}' for i in range(len(DATA))], 'choices': CHOICES, **changes}
  return requests.enroll(folder, NETWORK, PARAMS, DATA, **given)


@pytest.fixture
def store(tmp_path):
  folder = tmp_path / 'store'
  enrol(folder)
  return folder
