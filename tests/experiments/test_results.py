"""What a result says of how it was made can be checked; the table warns of ties."""

import dataclasses
import datetime
import hashlib
import importlib.metadata
import subprocess
import sys

import jax
import numpy as np
import pytest

from experiments import cli
from experiments import forget_class
from experiments import results as results_lib
from experiments import settings
from tests.report import examples
from unsc_jax import data as data_lib
from unsc_jax import problem as problem_lib
from unsc_jax import report


@pytest.mark.parametrize('resume', [['--resume', '/my/disk'], ['--resume=/my/disk']])
def test_a_run_names_its_command_versions_and_machine(monkeypatch, resume):
  monkeypatch.setattr(sys, 'argv', ['somewhere', *resume, '--forget', '3'])
  made = results_lib.describe_run()
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


def test_what_was_asked_for_is_told_in_full_but_not_where_it_is_kept():
  config = forget_class.Config(out='/my/disk', checkpoint='w.npz')
  asked = cli.asked(config, settings.choose('digits'))
  assert asked['training']['optimizer']['class'].endswith('.adam_cosine')
  assert (asked['training']['epochs'], asked['training']['batch_size']) == (30, 64)
  assert (asked['forget'], asked['checkpoint']) == ([3], 'w.npz')
  assert '/my/disk' not in str(asked)
  assert asked != cli.asked(config, settings.choose('digits', epochs=7))


def test_data_are_told_apart_by_their_hash():
  part = lambda y: problem_lib.Examples(
      np.arange(len(y), dtype=np.float32)[:, None], np.array(y))
  dataset = data_lib.Dataset(
      name='toy', train=part([0, 1, 1]), validation=part([0]), test=part([1, 0]),
      num_classes=2, class_names=('a', 'b'))
  described = results_lib.describe_data(dataset)
  assert described.sizes == report.Sizes(train=3, validation=1, test=2)
  assert described.class_counts.train == (1, 2)
  plain = b''.join(split.x.tobytes() + split.y.tobytes() for split in (
      dataset.train, dataset.validation, dataset.test))
  assert described.sha256 == hashlib.sha256(plain).hexdigest()
  other = dataset._replace(test=part([1, 1]))
  assert results_lib.describe_data(other).sha256 != described.sha256


def test_a_part_is_made_once_and_keeps_its_type(tmp_path):
  row = examples.example_results(1).rows[0]
  kept = [results_lib.kept(tmp_path, 'rows', {'seeds': (0,)}, tuple[report.Row, ...],
                           lambda i=i: (row,) * i) for i in (1, 2)]
  assert kept == [(row,), (row,)]


PROBE = {'retrain': (.55, .57, .56), 'head_only': (.63, .64, .62),
         'unsc': (.63, .62, .64), 'salun': (.56, .55, .57)}
ACCURACY = {'retrain': (.940, .950, .945), 'head_only': (.946, .944, .948),
            'unsc': (.947, .945, .946), 'salun': (.80, .81, .82)}


def _results(*methods: str) -> report.Results:
  example = examples.example_results(1, quick=True)
  rows = tuple(dataclasses.replace(
      example.rows[0], method=method, seed=seed, seconds={}, metrics={
          'probe': PROBE[method][seed], 'retain_test': ACCURACY[method][seed]})
               for method in methods for seed in range(3))
  return dataclasses.replace(example, methods=methods, rows=rows)


def test_columns_on_which_a_method_ties_with_a_mask_are_named():
  results = _results(*PROBE)
  unsc, = results_lib.ties(results)
  assert unsc.startswith('unsc ties with head_only')
  assert unsc.endswith('on: retain test, probe.')
  assert unsc in results_lib.render(results)


def test_without_the_control_there_is_nothing_to_tie_with():
  assert results_lib.ties(_results('retrain', 'unsc', 'salun')) == []


def test_cells_are_means_spreads_and_gaps():
  head, *rows = results_lib.cells(_results(*PROBE))
  assert head == ('method', 'retain test %', 'probe %', 'time / retrain')
  assert rows[3] == ('salun', '81.0 ± 1.0 (-13.5)', '56.0 ± 1.0 (+0.0)', '-')
