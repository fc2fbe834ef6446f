"""What a result says of what was asked for and of its data can be checked."""

import hashlib

import numpy as np

from experiments import cli
from experiments import forget_class
from experiments import results as results_lib
from experiments import settings
from tests.report import examples
from unsc_jax import data as data_lib
from unsc_jax import problem as problem_lib
from unsc_jax import report


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
