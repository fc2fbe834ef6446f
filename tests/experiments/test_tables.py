"""The papers' tables: every row can be asked, goes on where it was, and fits on a GPU."""

import dataclasses
import importlib.util
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from experiments import compare
from experiments import contest
from experiments import grids
from experiments import problems
from experiments import repro
from experiments import settings
from experiments import tables
from experiments.tables import gpu
from tests.report import examples
from unsc_jax import data
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.data import images
from unsc_jax.storage import checkpoints

ROOT = pathlib.Path(__file__).parents[2]
SMALL = contest.Config(only=('esc', 'ssd'), seeds=(0,), trials=2, epochs=1, probe_epochs=1,
                       surrogates=(8,), examples=400, goal='masked')


def _dataset(name: str, classes: int, per_class: int = 20) -> data.Dataset:
  """Noise, of the size and number of classes that a data set has."""
  rng = np.random.default_rng(0)

  def split():
    labels = rng.permutation(np.repeat(np.arange(classes), per_class)).astype(np.int32)
    pixels = rng.integers(0, 256, (len(labels), 28, 28, 1), np.uint8)
    if images.RECIPES[name].published == 32:
      pixels = np.pad(pixels, ((0, 0), (2, 2), (2, 2), (0, 0))).repeat(3, -1)
    return images.examples(name, pixels, labels)

  return images.dataset(name, split(), split())


@pytest.mark.parametrize('name', tables.ROWS)
def test_every_row_can_be_asked(name):
  config = tables.ROWS[name]
  dataset = data.load('digits') if config.dataset == 'digits' else _dataset(
      config.dataset, len(images.RECIPES[config.dataset].class_names))
  prepared = contest.prepare(dataclasses.replace(config, examples=None), dataset)
  retain, forget = prepared.request.split(prepared.task.dataset.train)
  assert len(retain)
  assert len(forget)
  if config.only:
    assert tuple(prepared.candidates) == config.only


def test_rows_have_folders_of_their_own():
  assert len({config.name for config in tables.ROWS.values()}) == len(tables.ROWS)


def test_groups_say_what_they_expect_and_cost():
  for name, group in tables.GROUPS.items():
    said = group.__doc__.lower()
    assert f'python -m experiments.tables {name}/' in said
    assert 'published' in said
    assert 'cost of a seed' in said or 'not run here' in said


def test_a_row_is_made_again_by_its_command():
  module, config = repro.command(_Command('python -m experiments.tables svhn/3 --seeds 4'))
  assert config == dataclasses.replace(tables.ROWS['svhn/3'], seeds=(4,))
  assert module.run is compare.run


@dataclasses.dataclass
class _Command:
  command: str


def _never(steps):
  raise AssertionError('trained')


def test_a_masked_goal_needs_no_training(tmp_path, monkeypatch):
  monkeypatch.setitem(settings.RECIPES, 'none', training.Recipe(_never, 1, 32))
  config = dataclasses.replace(SMALL, recipe='none', checkpoint=tmp_path / 'weights.npz')
  prepared = contest.prepare(config)
  checkpoints.save(config.checkpoint, prepared.task.network.init(jax.random.key(1)))
  found = contest.choose(prepared)
  assert [request.classes for request in found.surrogates] == [(8,)]
  assert {name: len(trials) for name, trials in found.trials.items()} == {'esc': 2, 'ssd': 2}
  with pytest.raises(AssertionError, match='trained'):
    contest.choose(dataclasses.replace(prepared, config=dataclasses.replace(
        config, goal='retrained')))


def test_settings_of_other_results_serve(tmp_path):
  published = ROOT / 'docs/results/compare-digits-mlp.json'
  found = contest.choose(contest.prepare(
      dataclasses.replace(SMALL, settings_of=published)))
  results = examples.report.read(published)
  assert found.settings == {
      name: results.search[name][0].settings for name in SMALL.only}
  with pytest.raises(ValueError, match='no settings of loft_scaled; name what it has'):
    contest.prepare(dataclasses.replace(
        SMALL, only=('loft_scaled',), settings_of=published))


@pytest.mark.parametrize(('changes', 'sentence'), [
    ({'goal': 'perfect'}, "No goal is called 'perfect'"),
    ({'recipe': 'mine'}, "No recipe is called 'mine'"),
    ({'share': .1, 'surrogates': ()}, 'no logits to mask'),
    ({'checkpoint': pathlib.Path('x'), 'seeds': (0, 1)}, 'goes with one seed'),
])
def test_what_does_not_go_together_is_told(changes, sentence):
  with pytest.raises(ValueError, match=sentence):
    contest.prepare(dataclasses.replace(SMALL, only=('delete',), **changes))


@pytest.mark.parametrize('name', ['fashion_mnist', 'cifar10'])
def test_packed_data_come_back_to_the_bit(tmp_path, monkeypatch, name):
  made = _dataset(name, 10)
  monkeypatch.setattr(data, 'load', lambda *_: made)
  gpu.pack([name], tmp_path)
  found = gpu.unpack(name, tmp_path)
  for split in data.SPLITS:
    for part in ('x', 'y'):
      np.testing.assert_array_equal(*(
          getattr(getattr(of, split), part) for of in (found, made)))
  made.train.x[0, 3, 4, 0] += 1e-3
  with pytest.raises(ValueError, match='does not come back to the bit'):
    gpu.pack([name], tmp_path)


def test_rows_that_are_there_are_not_made_again(tmp_path, monkeypatch):
  """Two methods with states of their own, of a network that is one product."""
  rng = np.random.default_rng(0)
  y = np.arange(40) % 4
  x = (np.eye(4)[y] + .1 * rng.normal(size=(40, 4))).astype(np.float32)
  seen = problem_lib.Examples(x, y)
  dataset = data.Dataset('digits', seen, seen, seen, 4, tuple('abcd'))
  network = problem_lib.Network(
      lambda params, x: x @ params['head'], lambda key: {'head': jax.numpy.eye(4)})
  chosen = {'unsc': {'rate': .01, 'tau': .1}, 'unsc_hard': {'rate': .01, 'energy': .9}}
  few = {name: dataclasses.replace(grids.ALL[name], fixed={'steps': 2, 'stop_below': -1.})
         for name in chosen}
  asked = lambda: contest.Contest(
      dataclasses.replace(SMALL, resume=tmp_path), problems.Request((3,)),
      problems.Task(settings.choose('digits', epochs=1), dataset, network), few)
  whole = [*contest.rows(asked(), chosen, 0)]
  assert [row['method'] for row in whole] == ['original', 'retrain', 'head_only', *chosen]
  lost, = tmp_path.glob('*/rows/unsc-seed-0.json')
  lost.unlink()
  ran, measure = [], contest.evaluation.measure
  monkeypatch.setattr(contest.evaluation, 'measure', lambda setup, unlearned: ran.append(
      unlearned) or measure(setup, unlearned))
  again = [*contest.rows(asked(), chosen, 0)]
  assert [row['metrics'] for row in again] == [row['metrics'] for row in whole]
  assert len(ran) == 1
  longer = {name: dataclasses.replace(one, fixed={'steps': 3}) for name, one in few.items()}
  with pytest.raises(ValueError, match='another run'):  # of other methods under these names
    [*contest.rows(dataclasses.replace(asked(), candidates=longer), chosen, 0)]


@pytest.mark.slow
def test_rows_are_done_until_the_time_is_up_and_published_elsewhere(
    tmp_path, monkeypatch, capsys):
  made = _dataset('fashion_mnist', 10)
  monkeypatch.setattr(data, 'load', lambda *_: made)
  packed, out = tmp_path / 'packed', tmp_path / 'out'
  gpu.pack(['fashion_mnist'], packed)
  changes = {'model': 'mlp', 'only': ('unsc', 'unsc_few_images'), 'seeds': (0,), 'trials': 1,
             'epochs': 1, 'probe_epochs': 1, 'surrogates': (8,), 'examples': None, 'goal': 'masked'}
  rows = ['svhn/3', 'pbu/fashion_mnist']
  assert gpu.run(rows, packed, out, minutes=1e-4, **changes) == []
  assert 'the rest is for the next call' in capsys.readouterr().err
  assert (out / 'kept.tar.gz').exists()
  found = gpu.run(rows, packed, out, minutes=9, kept=out / 'kept.tar.gz', **changes)
  assert [row['method'] for row in found] == [
      'original', 'retrain', 'head_only', *changes['only']]
  assert 'svhn_cropped is not packed' in capsys.readouterr().err
  # Goes on from all that is there, on any machine; what is lost is made again.
  folder = tmp_path / 'here'
  with gpu.tarfile.open(out / 'kept.tar.gz') as archive:
    archive.extractall(folder, filter='data')
  lost, = folder.glob('*/rows/unsc-seed-0.json')
  lost.unlink()
  ran, measure = [], contest.evaluation.measure
  monkeypatch.setattr(contest.evaluation, 'measure', lambda setup, unlearned: ran.append(
      unlearned) or measure(setup, unlearned))
  config = dataclasses.replace(
      tables.ROWS['pbu/fashion_mnist'], **changes, resume=folder, out=tmp_path)
  with examples.undrawn():
    results = compare.run(config)
  assert len(ran) == 1
  module, again = repro.command(results)
  assert module.run is compare.run
  assert dataclasses.replace(again, resume=folder, out=tmp_path) == config
  for row, kept in zip(results.rows, found, strict=True):
    assert row.metrics == pytest.approx(kept['metrics'], nan_ok=True)
  with pytest.raises(ValueError, match='another run'):
    compare.run(dataclasses.replace(config, examples=150))


def test_a_gpu_needs_no_more_than_it_has():
  """What the commands of other machines need is not imported; Flax brings rich itself."""
  lacking = ('tyro', 'msgspec', 'matplotlib', 'dm_pix', 'tensorflow_datasets', 'tqdm', 'pooch')
  assert importlib.util.find_spec('tyro')  # which is not there for the code below
  code = f'''
import sys
sys.modules.update(dict.fromkeys({lacking}))
from experiments.tables import gpu
import jax, numpy as np
from experiments import contest, settings, tables
for row in gpu.FIRST:
  config = tables.ROWS[row]
  chosen = settings.choose(config.dataset, config.model, recipe=config.recipe)
  if chosen.recipe.augment:
    chosen.recipe.augment(jax.random.key(0), np.zeros((2, 8, 8, 3), np.float32))
'''
  subprocess.run([sys.executable, '-c', code], check=True, cwd=ROOT)


def test_the_published_schedule_warms_up_and_falls_thrice():
  optimizer = settings.warm_up_and_decay(weight_decay=0., momentum=0.)(400)
  params = np.float32(1.)
  state = optimizer.init(params)
  step = jax.jit(lambda state: optimizer.update(np.float32(1.), state, params))
  rates = []
  for _ in range(400):
    update, state = step(state)
    rates.append(-float(update))
  np.testing.assert_allclose(rates[:3], [0, .05, .1], atol=1e-7)
  np.testing.assert_allclose([rates[i] for i in (119, 120, 239, 240, 319, 320)],
                             [.1, .02, .02, .004, .004, .0008], rtol=1e-5)


def test_a_share_is_drawn_from_the_classes_named():
  config = tables.ROWS['del_sets/two_classes']
  prepared = contest.prepare(config, _dataset('cifar10', 10))
  _, forget = prepared.request.split(prepared.task.dataset.train)
  assert {*forget.y.tolist()} <= {2, 5}
  assert isinstance(forget, problem_lib.Examples)
