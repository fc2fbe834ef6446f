"""A script that was killed while it trained goes on with what it has."""

import collections
import dataclasses

import jax
import numpy as np
import pytest

from experiments import bars
from experiments import forget_class
from experiments import problems as problems_lib
from experiments import settings as settings_lib
from unsc_jax import data as data_lib
from unsc_jax import training


class Killed(Exception):
  pass


def test_the_original_goes_on(tmp_path):
  chosen = settings_lib.SETTINGS['digits']
  chosen = chosen._replace(
      network='mlp', recipe=dataclasses.replace(chosen.recipe, epochs=7))
  dataset = data_lib.load('digits')
  network = problems_lib.build(chosen, dataset)
  key = jax.random.key(0)
  session = problems_lib.session(tmp_path, chosen, dataset, seed=0)
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
      network, dataset.train, chosen.recipe, key, label='training the original',
      session=dataclasses.replace(session, progress=killed_after(steps)))
  with pytest.raises(Killed):
    train(120)
  found = len(train(None).history['loss'])
  assert counts == [120, found - 100]
  # The script finds it done, and the same as if nothing had happened.
  resumed = problems_lib.pose(chosen, dataset, network, key, session=session)
  unbroken = problems_lib.pose(chosen, dataset, network, key)
  jax.tree.map(np.testing.assert_array_equal, resumed.params, unbroken.params)


@pytest.mark.slow  # daily are the original here, and methods in tests/methods
@pytest.mark.parametrize(('loop', 'step', 'kept'), [
    ('retraining', 120, 100), ('unlearning', 3, 0)])
def test_a_method_goes_on(loop, step, kept, tmp_path, monkeypatch):
  """As `--resume` has it; what was measured of the networks is beside the point."""
  found, made = [], collections.Counter()
  config = forget_class.Config(
      model='mlp', epochs=7, steps=10, stop_below=-1., out=tmp_path / 'runs')
  resumed = dataclasses.replace(config, resume=tmp_path / 'states')

  def measured(runs, *args, **options):
    found.append(runs[0].done)
    raise Killed

  def run(config, die=(None, 0)):
    def progress(items, label, total):
      for item in items:
        if (label, made[label]) == die:
          raise Killed
        made[label] += 1
        yield item

    made.clear()
    monkeypatch.setattr(bars, 'progress', progress)
    with pytest.raises(Killed):
      forget_class.run(config)
    return made.copy()

  monkeypatch.setattr(forget_class.rows_lib, 'of_seeds', measured)
  whole = run(config)
  before = run(resumed, die=(loop, step))
  assert before[loop] == step
  after = run(resumed)
  assert after['training the original'] == 0
  assert after[loop] == whole[loop] - kept
  unbroken, ours = found
  for name, one in unbroken.items():
    jax.tree.map(np.testing.assert_array_equal, ours[name].params, one.params)
    jax.tree.map(np.testing.assert_array_equal, ours[name].history, one.history)
