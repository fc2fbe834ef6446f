"""Names, and what is imported when."""

import subprocess
import sys

import pytest

from unsc_jax import data


def test_unknown_name_lists_the_known_ones():
  with pytest.raises(ValueError, match="'imagenet': choose one of") as error:
    data.load('imagenet')
  assert all(name in str(error.value) for name in data.NAMES)


def test_import_is_light():
  heavy = ('tensorflow', 'tensorflow_datasets', 'sklearn', 'tqdm')
  code = ('import sys, unsc_jax.data; '
          f'print([m for m in {heavy} if m in sys.modules])')
  done = subprocess.run([sys.executable, '-c', code], capture_output=True,
                        text=True, check=True)
  assert done.stdout.strip() == '[]'
