"""What a result says of how it was made, and of which data, can be checked."""

import datetime
import importlib.metadata
import subprocess
import sys

import jax
import pytest

from unsc_jax import provenance


@pytest.mark.parametrize('resume', [['--resume', '/my/disk'], ['--resume=/my/disk']])
def test_a_run_names_its_command_versions_and_machine(monkeypatch, resume):
  monkeypatch.setattr(sys, 'argv', ['somewhere', *resume, '--forget', '3'])
  made = provenance.run()
  assert made['command'].endswith(' --forget 3')
  assert '/my/disk' not in made['command']
  age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(
      made['created'])
  assert datetime.timedelta() <= age < datetime.timedelta(minutes=5)
  environment = made['environment']
  for name in ('jax', 'flax', 'optax', 'numpy', 'scikit-learn', 'unsc_jax'):
    assert environment[name] == importlib.metadata.version(name), name
  assert environment['devices'] == jax.device_count()
  head = subprocess.run(['git', 'rev-parse', 'HEAD'], capture_output=True, text=True,
                        check=False)
  if head.returncode == 0:
    said = environment['commit'].removesuffix('-dirty')
    assert head.stdout.startswith(said)
    assert len(said) >= 7
