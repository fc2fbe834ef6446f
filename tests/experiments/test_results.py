"""What a result says of how it was made can be checked by someone else."""

import dataclasses
import datetime
import hashlib
import importlib.metadata
import subprocess
import sys

import jax
import numpy as np
import optax
import pytest

from experiments import results as results_lib
from unsc_jax import data as data_lib
from unsc_jax import problem as problem_lib
from unsc_jax import training


@pytest.mark.parametrize('resume', [['--resume', '/my/disk'], ['--resume=/my/disk']])
def test_a_run_names_its_command_versions_and_machine(monkeypatch, resume):
  monkeypatch.setattr(sys, 'argv', ['somewhere', *resume, '--forget', '3'])
  found = results_lib.describe_run()
  assert found['command'].endswith(' --forget 3')
  assert '/my/disk' not in found['command']
  age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(
      found['created'])
  assert datetime.timedelta() <= age < datetime.timedelta(minutes=5)
  environment = found['environment']
  for name in ('jax', 'flax', 'optax', 'numpy', 'scikit-learn', 'unsc_jax'):
    assert environment[name] == importlib.metadata.version(name), name
  assert environment['devices'] == jax.device_count()
  head = subprocess.run(['git', 'rev-parse', 'HEAD'], capture_output=True, text=True,
                        check=False)
  if head.returncode == 0:
    said = environment['commit'].removesuffix('-dirty')
    assert head.stdout.startswith(said)
    assert len(said) >= 7


def test_a_recipe_is_told_in_full():
  def _cosine_adam(steps):
    return optax.adam(optax.cosine_decay_schedule(1e-3, steps))
  recipe = training.Recipe(_cosine_adam, epochs=3, batch_size=32)
  found = results_lib.describe_recipe(recipe)
  assert found['optimizer'] == 'cosine_adam'
  assert (found['epochs'], found['batch_size']) == (3, 32)
  assert set(found) == {field.name for field in dataclasses.fields(recipe)}


def test_data_are_told_apart_by_their_hash():
  part = lambda y: problem_lib.Examples(
      np.arange(len(y), dtype=np.float32)[:, None], np.array(y))
  dataset = data_lib.Dataset(
      name='toy', train=part([0, 1, 1]), validation=part([0]), test=part([1, 0]),
      num_classes=2, class_names=('a', 'b'))
  found = results_lib.describe_data(dataset)
  assert found['sizes'] == {'train': 3, 'validation': 1, 'test': 2}
  assert found['class_counts']['train'] == [1, 2]
  plain = b''.join(split.x.tobytes() + split.y.tobytes() for split in (
      dataset.train, dataset.validation, dataset.test))
  assert found['sha256'] == hashlib.sha256(plain).hexdigest()
  other = dataset._replace(test=part([1, 1]))
  assert results_lib.describe_data(other)['sha256'] != found['sha256']


def test_a_part_is_made_once_and_kept_whole(tmp_path):
  calls = []

  def make():
    calls.append(1)
    if len(calls) == 1:
      raise KeyboardInterrupt  # killed: nothing half-made stays
    return [{'gap': .5, 'settings': {'steps': 3}}]

  keep = lambda config: results_lib.kept(tmp_path / 'a', 'search', config, make)
  with pytest.raises(KeyboardInterrupt):
    keep({'seeds': (0, 1)})
  assert not list((tmp_path / 'a').glob('*.json'))
  assert keep({'seeds': (0, 1)}) == keep({'seeds': (0, 1)}) == [
      {'gap': .5, 'settings': {'steps': 3}}]
  assert len(calls) == 2
  with pytest.raises(ValueError, match='take another folder to --resume from'):
    keep({'seeds': (0,)})
  assert results_lib.kept(None, 'search', {}, lambda: 7) == 7
