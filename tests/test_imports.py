"""What a room may import: the core knows no Flax, and nothing heavy comes along."""

import subprocess
import sys

import pytest

import unsc_jax

HEAVY = ('flax', 'orbax', 'tensorflow', 'tensorflow_datasets', 'sklearn', 'scipy.stats',
         'matplotlib', 'tqdm', 'tyro', 'haiku', 'equinox')


def _loaded(code: str) -> list[str]:
  code += f'; import sys; print(*[m for m in {HEAVY} if m in sys.modules])'
  done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                        check=True)
  return done.stdout.split()


def test_the_core_imports_jax_optax_numpy_and_chex_alone():
  before = _loaded('import jax, optax, chex')  # what these bring along themselves
  assert _loaded('import unsc_jax, unsc_jax.spaces, unsc_jax.masks') == before


def test_what_is_heavy_would_be_seen():
  assert 'flax' in _loaded('import flax')


def test_rooms_are_there_when_asked_for():
  for room in ('methods', 'evaluation', 'spaces', 'training'):
    code = f'import unsc_jax; print(unsc_jax.{room}.__name__)'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                          check=True)
    assert done.stdout.strip() == f'unsc_jax.{room}'
  with pytest.raises(AttributeError, match='no attribute .attic.'):
    _ = unsc_jax.attic
