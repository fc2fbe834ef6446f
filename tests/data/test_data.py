"""Data sets by name, and the digits' split: complete, disjoint, stratified, repeatable."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn import datasets

from unsc_jax import data
from unsc_jax.data import digits


def _parts(dataset):
  return dataset.train, dataset.validation, dataset.test


def _sorted_rows(x):
  return x[np.lexsort(x.T)]


def test_every_image_is_in_one_split():
  parts = _parts(digits.load())
  x = np.concatenate([p.x for p in parts]).reshape(-1, 64)
  pixels = np.round((x.astype(np.float64) * .376 + .305) * 16)
  np.testing.assert_array_equal(
      _sorted_rows(pixels), _sorted_rows(datasets.load_digits().data))
  assert sum(map(len, parts)) == 1797


def test_images_keep_their_labels():
  raw, labels = datasets.load_digits(return_X_y=True)
  by_image = {tuple(row): label for row, label in zip(raw, labels)}
  for part in _parts(digits.load(seed=3)):
    pixels = np.round((part.x.reshape(-1, 64) * .376 + .305) * 16)
    assert [by_image[tuple(row)] for row in pixels] == part.y.tolist()


def test_split_is_stratified():
  counts = np.array([np.bincount(p.y, minlength=10)
                     for p in _parts(digits.load(validation=.1, test=.2))])
  shares = counts / counts.sum(0)
  # At most one image of a class, of some 180, is on the wrong side of a cut.
  assert np.max(np.abs(shares - [[.7], [.1], [.2]])) <= 1 / counts.sum(0).min()


def test_same_seed_same_split_other_seed_other_split():
  one, same, other = (digits.load(seed=s) for s in (1, 1, 2))
  np.testing.assert_array_equal(one.test.x, same.test.x)
  assert not np.array_equal(one.test.x, other.test.x)


def test_images_are_normalised():
  x = digits.load(validation=0, test=0).train.x
  assert x.shape == (1797, 8, 8, 1)
  assert x.dtype == np.float32
  assert abs(x.mean()) < .01
  assert abs(x.std() - 1) < .01


@pytest.mark.parametrize('shares', [(-.1, .2), (.5, .5), (0, 1)])
def test_shares_that_leave_nothing_are_refused(shares):
  with pytest.raises(ValueError, match='leave nothing to train on'):
    digits.load(0, *shares)


def test_unknown_name_lists_the_known_ones():
  with pytest.raises(ValueError, match="'imagenet': choose one of") as error:
    data.load('imagenet')
  assert all(name in str(error.value) for name in data.NAMES)


def test_import_is_light():
  heavy = ('tensorflow', 'tensorflow_datasets', 'sklearn', 'tqdm', 'scipy.io', 'pooch', 'requests')
  code = ('import sys, unsc_jax.data; '
          f'print([m for m in {heavy} if m in sys.modules])')
  done = subprocess.run([sys.executable, '-c', code], capture_output=True,
                        text=True, check=True)
  assert done.stdout.strip() == '[]'
