"""The code of the docs' pages runs as it stands, in the order in which it is read."""

import dataclasses
import pathlib
import re

import jax
import numpy as np
import optax
import pytest

from tests.toys import moments_of
import unsc_jax
from unsc_jax import methods
from unsc_jax import problem as problem_lib
from unsc_jax import requests
from unsc_jax import sharding
from unsc_jax import storage
from unsc_jax import training

DOCS = pathlib.Path(__file__).parents[1] / 'docs'
ELSEWHERE = {
    'tutorials/index.md': 'tests/test_tutorials.py', 'what-is-captured.md': 'tests/capture',
    'write-your-own-method.md': 'tests/methods/test_corners.py'}
HERE = {'deletion-requests.md', 'distributed.md', 'optimisers.md', 'own-network.md',
        'soft-null-space.md', 'write-your-own-metric.md'}


def _blocks(page: str) -> list[str]:
  return re.findall('```python\n(.*?)```', (DOCS / page).read_text(), re.S)


def _run(page: str, names: dict, blocks: slice = slice(None), **places: str) -> dict:
  """Runs blocks of a page, with paths of ours in place of the page's."""
  for i, block in list(enumerate(_blocks(page)))[blocks]:
    for theirs, ours in places.items():
      block = block.replace(theirs, ours)
    exec(compile(block, f'{page}, block {i}', 'exec'), names)
  return names


@pytest.fixture(scope='module')
def names():
  """What pages take for granted: a trained network of ten classes, and its data."""
  y = np.arange(200) % 10
  noise = lambda seed: .3 * np.random.default_rng(seed).normal(size=(200, 12))
  train, test = (problem_lib.Examples((3 * np.eye(10, 12)[y] + noise(seed)).astype(np.float32), y)
                 for seed in (0, 1))
  init = lambda key: {'head': .1 * jax.random.normal(key, (12, 10))}
  network = unsc_jax.Network(lambda params, x: x @ params['head'], init)
  recipe = training.Recipe(lambda steps: optax.adam(.1), epochs=3, batch_size=40)
  params = training.train(network, train, recipe, jax.random.key(0)).params
  retain, forget = problem_lib.split_classes(train, [3])
  retrained = [training.train(network, retain, recipe, jax.random.key(seed)).params
               for seed in (1, 2, 3)]
  problem = unsc_jax.Problem(network, params, retain, forget, 10, (3,))
  return {'unsc_jax': unsc_jax, 'jax': jax, 'optax': optax, 'methods': methods,
          'training': training, 'sharding': sharding, 'storage': storage,
          'network': network, 'fn': network.fn, 'params': params, 'recipe': recipe,
          'retrained': retrained, 'problem': problem, 'train': train, 'test': test,
          'retain': retain, 'forget': forget, 'method': methods.head_only()}


def test_every_page_with_code_is_run_somewhere():
  pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob('*.md')}
  assert {page for page in pages if _blocks(page)} == HERE | {*ELSEWHERE}, (
      'run the code of the new page here, or say where it is run')


def test_a_metric_of_ones_own(names, capsys):
  done = _run('write-your-own-metric.md', {**names}, slice(0, 2))
  logits, labels = np.array([[2., 0., -1.], [.5, .5, 3.]]), np.array([0, 1])
  p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)  # float64
  errors = ((p - np.eye(3)[labels]) ** 2).sum(-1)
  measured = done['brier'](np.float32(logits), labels)
  np.testing.assert_allclose(measured.value, errors.mean(), rtol=1e-6)
  # A masked logit is sure of a wrong label, as a retrained network is.
  assert done['measured'](names['params']).value < .5 < done['gap'].reference
  assert re.fullmatch(r'[+-]\d\.\d{3}, seeds explain ±\d\.\d{3}\n', capsys.readouterr().out)


def test_an_optimiser_is_confined(names):
  moments = moments_of(names['fn'], names['params'], names['retain'].x)
  bases = unsc_jax.null_space_bases(moments, energy=.9)
  tx = _run('optimisers.md', {**names, 'bases': bases})['tx']
  unsc_jax.assert_preserves(tx, bases, names['params'])
  with pytest.raises(AssertionError):  # as the page says of the short chain
    unsc_jax.assert_preserves(
        optax.chain(unsc_jax.null_space_projection(bases), optax.adam(1e-3)), bases,
        names['params'])


def test_a_soft_filter_is_named_in_a_line(names):
  done = _run('soft-null-space.md', {**names})
  loss = done['method'](names['problem'], jax.random.key(0)).history['loss']
  assert loss[-1] < loss[0]
  # Of logits `x @ W` everything is read, so that shares multiply.
  x = np.float64(names['retain'].x)
  share = x.T @ x / np.sum(x**2)
  damped = np.linalg.solve(np.eye(12) + share / 10 / 1e-4, np.ones((12, 10)))
  np.testing.assert_allclose(done['update']['head'], damped, atol=.05)


@pytest.mark.slow
def test_a_metric_of_ones_own_stands_beside_the_others(names, capsys, tmp_path):
  done = _run('write-your-own-metric.md', {**names})
  value = float(done['measured'](done['unlearned'].params).value)
  assert f'mine,0,brier,{value}' in capsys.readouterr().out
  page = done['results'].page(tmp_path / 'report.html').read_text()
  assert 'Brier' in page


@pytest.mark.slow
def test_several_devices(names, tmp_path):
  x = names['train'].x
  loss = lambda params, batch, key: (((batch @ params['head']) ** 2).mean(), params)
  done = _run(
      'distributed.md', {**names, 'data': [x[:48], x[48:80]], 'loss': loss,
                         'batches': [x[:48]] * 4, 'key': jax.random.key(0),
                         'dataclasses': dataclasses},
      **{'/shared': str(tmp_path), 'steps=1000': 'steps=4'})
  moment = done['moments']['head'].second[0]
  np.testing.assert_allclose(moment, x[:80].T.astype(float) @ x[:80], rtol=1e-4, atol=1e-3)
  assert done['problem'].session.checkpoint.folder == str(tmp_path / 'state')


@pytest.mark.slow
def test_requests_one_after_the_other(names, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  customers = ['ann', 'bob', *(f'customer {i}' for i in range(2, 200))]
  done = _run('deletion-requests.md', {
      **names, 'customers': customers, 'theirs': names['train'].where([0, 1]),
      'unseen': names['test']}, slice(0, 1))
  assert len(requests.history('store')) == 2
  assert done['record']['asked']['by']  # salted and hashed
  assert requests.verify('store') == []
  assert (tmp_path / 'params.npz').exists()


@pytest.mark.slow
def test_a_network_of_ones_own(names):
  done = _run('own-network.md', {**names})
  assert [row.method for row in done['results'].rows] == [
      'original', 'retrain', 'head_only', 'unsc']
