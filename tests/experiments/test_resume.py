"""A script that was killed while it trained goes on with what it has."""

import jax
import numpy as np
import pytest

from experiments import originals
from experiments import processes
from experiments import settings as settings_lib
from unsc_jax import data as data_lib
from unsc_jax import training


class Killed(Exception):
  pass


def test_the_original_goes_on(tmp_path):
  chosen = settings_lib.SETTINGS['digits']
  chosen = chosen._replace(
      network='mlp', recipe=chosen.recipe._replace(epochs=7))
  dataset = data_lib.load('digits')
  network = originals.build(chosen, dataset)
  key = jax.random.key(0)
  state = originals.state(tmp_path, chosen, dataset, seed=0)
  counts = []

  def killed_after(steps):
    def progress(items, label, total):
      counts.append(0)
      for item in items:
        if counts[-1] == steps:
          raise Killed
        counts[-1] += 1
        yield item
    return progress

  train = lambda steps: training.train(
      network, dataset.train, chosen.recipe, key, checkpoint=state,
      mesh=processes.mesh(), progress=killed_after(steps))
  with pytest.raises(Killed):
    train(120)
  found = len(train(None).history['loss'])
  assert counts == [120, found - 100]
  # The script finds it done, and the same as if nothing had happened.
  resumed = originals.pose(chosen, dataset, network, key, resume=state)
  unbroken = originals.pose(chosen, dataset, network, key)
  jax.tree.map(np.testing.assert_array_equal, resumed.params, unbroken.params)
