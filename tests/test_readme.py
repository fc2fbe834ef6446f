"""The pages' numbers are those that scripts have written; the README's code runs."""

import importlib.util
import pathlib
import re

import jax
import jax.numpy as jnp
import optax
import pytest

from docs import readme
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


def test_its_code_prints_what_it_says():
  page = (ROOT / 'README.md').read_text()
  shown = re.search('<!-- output -->\n(.*?)\n<!-- /output -->', page, re.S)[1]
  said = readme.printed(page)
  number = re.compile(r'\d+(?:\.\d+)?')
  # Arrays are padded by their widest number.
  form = lambda text: ''.join(number.sub(' # ', text).split())
  assert form(said) == form(shown)
  # Machines round differently: a direction or two, a test image of a class or two.
  assert [*map(float, number.findall(said))] == pytest.approx(
      [*map(float, number.findall(shown))], abs=6), 'run: python docs/update_figures.py'


def test_the_short_chain_confines_plain_gradients():
  """The other form that the README names."""
  _, M = unsc_jax.input_moments(lambda params, x: x @ params['w'])(
      {'w': jnp.ones((3, 2))}, jnp.array([[1., 0., 0.]]))
  bases = unsc_jax.null_space_bases(M)
  tx = optax.chain(unsc_jax.null_space_projection(bases), optax.adam(1e-3))
  params = {'w': jnp.ones((3, 2))}
  updates, _ = tx.update(jax.tree.map(jnp.ones_like, params), tx.init(params), params)
  # One kept direction, along an axis: here even Adam after it stays inside.
  assert jnp.abs(updates['w'][0]).max() < 1e-6
  assert jnp.abs(updates['w'][1:]).min() > 1e-4
