"""The pages' numbers are those that scripts have written; the README's code runs."""

import importlib.util
import pathlib
import re

import jax
import jax.numpy as jnp
import optax
import pytest

import unsc_jax

ROOT = pathlib.Path(__file__).parents[1]


def _script():
  spec = importlib.util.spec_from_file_location(
      'update_figures', ROOT / 'docs' / 'update_figures.py')
  script = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(script)
  return script


@pytest.mark.parametrize('page', _script().PAGES)
def test_figures_are_those_of_the_results(page):
  text = (ROOT / page).read_text()
  assert _script().updated(page, text) == text, 'run: python docs/update_figures.py'


def test_the_schema_is_that_of_the_types():
  script = _script()
  assert (ROOT / script.SCHEMA).read_text() == script.schema(), (
      'run: python docs/update_figures.py')


def test_its_first_code_block_runs():
  block = re.search('```python\n(.*?)```', (ROOT / 'README.md').read_text(), re.S)
  names = {
      'jax': jax, 'optax': optax, 'unsc_jax': unsc_jax,
      'fn': lambda params, x: x @ params['w'], 'params': {'w': jnp.ones((3, 2))},
      'retain_batches': [jnp.array([[1., 0., 0.]]), jnp.array([[2., 0., 0.]])]}
  exec(block[1], names)
  params, tx = names['params'], names['tx']
  gradient = jax.tree.map(jnp.ones_like, params)
  updates, _ = tx.update(gradient, tx.init(params), params)
  # One kept direction, along an axis: here even Adam after it stays inside.
  assert jnp.abs(updates['w'][0]).max() < 1e-6
  assert jnp.abs(updates['w'][1:]).min() > 1e-4
