"""What package indexes and citations are told is what the package is."""

import fnmatch
import pathlib
import re
import subprocess
import tomllib

import pytest

import unsc_jax

ROOT = pathlib.Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / 'pyproject.toml').read_text())


def test_versions_agree():
  assert PROJECT['project']['version'] == unsc_jax.__version__
  assert f'\nversion: {unsc_jax.__version__}\n' in (ROOT / 'CITATION.cff').read_text()
  assert f'\n## [{unsc_jax.__version__}]' in (ROOT / 'CHANGELOG.md').read_text()


def test_the_source_distribution_has_what_is_tracked():
  """But for what is of use to the repository alone."""
  included = PROJECT['tool']['hatch']['build']['targets']['sdist']['include']
  listed = subprocess.run(['git', 'ls-files'], cwd=ROOT, capture_output=True, text=True)
  if listed.returncode or not listed.stdout:
    pytest.skip('nothing is tracked here')
  tracked = {name.partition('/')[0] for name in listed.stdout.splitlines()}
  left = [name for name in tracked
          if not name.startswith('.') and not any(fnmatch.fnmatch(f'/{name}', p) for p in included)]
  assert left == ['pyproject.toml']  # which is always there


@pytest.mark.parametrize(('written', 'read'), [
    ('[a page](docs/methods.md)',
     '[a page](https://github.com/unsc-jax/unsc_jax/blob/vX/docs/methods.md)'),
    ('![a curve](docs/curve.svg)',
     '![a curve](https://raw.githubusercontent.com/unsc-jax/unsc_jax/vX/docs/curve.svg)'),
    ('[JAX](https://jax.dev), [below](#results)', '[JAX](https://jax.dev), [below](#results)')])
def test_links_of_the_readme_lead_somewhere_from_a_package_index(written, read):
  hook = PROJECT['tool']['hatch']['metadata']['hooks']['fancy-pypi-readme']
  for change in hook['substitutions']:
    written = re.sub(change['pattern'], change['replacement'], written)
  assert written.replace('v$HFPR_VERSION', 'vX') == read
