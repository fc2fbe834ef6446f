"""A script that was killed while it trained goes on with what it has."""

import collections
import dataclasses

import chex
import jax
import pytest

from experiments import forget_class
from experiments import problems
from experiments import settings
from unsc_jax import data
from unsc_jax.command import running
from unsc_jax.study import rows as rows_lib


class Killed(Exception):
  pass


def _killing(counts, die=(None, 0)):
  """A bar that counts the steps of every loop, and kills one of them at a step."""
  def progress(items, label, total):
    for item in items:
      if (label, counts[label]) == die:
        raise Killed
      counts[label] += 1
      yield item
  return progress


def test_the_original_goes_on(tmp_path):
  task = problems.task(settings.choose('digits', 'mlp', epochs=2), data.load('digits'))
  key, label, kept = jax.random.key(0), 'training the original', task.session(tmp_path)

  def train(die=None):
    counts = collections.Counter()
    session = dataclasses.replace(
        kept, checkpoint=dataclasses.replace(kept.checkpoint, every=10),
        progress=_killing(counts, (label, die)))
    try:
      return task.train(key, session), counts[label]
    except Killed:
      return None, counts[label]

  assert train(die=15) == (None, 15)
  _, rest = train()
  unbroken_counts = collections.Counter()
  unbroken = task.train(key, dataclasses.replace(
      task.session(), progress=_killing(unbroken_counts)))
  assert rest == unbroken_counts[label] - 10
  # The script finds it done, and the same as if nothing had happened.
  chex.assert_trees_all_equal(task.train(key, kept), unbroken)


@pytest.mark.slow  # daily are the original here, and methods in tests/methods
@pytest.mark.parametrize(('loop', 'step', 'kept'), [
    ('retraining', 120, 100), ('unlearning', 3, 0)])
def test_a_method_goes_on(loop, step, kept, tmp_path, monkeypatch):
  """As `--resume` has it; what was measured of the networks is beside the point."""
  networks, label = [], 'training the original'
  config = forget_class.Config(
      model='mlp', epochs=7, steps=10, stop_below=-1., out=tmp_path / 'runs')
  resumed = dataclasses.replace(config, resume=tmp_path / 'states')

  def measured(runs, *args, **options):
    networks.append(runs[0].networks)
    raise Killed

  def run(config, die=(None, 0)):
    counts = collections.Counter()
    monkeypatch.setattr(running, 'progress', _killing(counts, die))
    with pytest.raises(Killed):
      forget_class.run(config)
    return counts

  monkeypatch.setattr(rows_lib, 'of_seeds', measured)
  whole = run(config)
  assert run(resumed, die=(loop, step))[loop] == step
  after = run(resumed)
  assert after[label] == 0
  assert after[loop] == whole[loop] - kept
  unbroken, ours = networks
  for name, one in unbroken.items():
    chex.assert_trees_all_equal(ours[name].params, one.params)
    chex.assert_trees_all_equal(ours[name].history, one.history)
  with pytest.raises(ValueError, match='of another run, with another energy'):
    forget_class.run(dataclasses.replace(resumed, energy=.9))
