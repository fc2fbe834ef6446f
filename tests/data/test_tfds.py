"""Real tfds folders: order, normalisation, resizing, split, refusals."""

import gzip
import io
import json
import sys

import jax
import numpy as np
from PIL import Image
import pytest
import tensorflow_datasets as tfds

from unsc_jax import data


def _images(n, shape, seed):
  rng = np.random.default_rng(seed)
  return (rng.integers(0, 256, (n, *shape), np.uint8),
          rng.integers(0, 10, n).astype(np.int32))


def _prepare(folder, name, shape, splits):
  """Writes a data set as tfds does, keys counting from 0."""

  def png(image):
    buffer = io.BytesIO()
    Image.fromarray(image.squeeze()).save(buffer, 'PNG')
    buffer.seek(0)
    return buffer

  # The name is taken: the real builder is the one that has to read the folder.
  class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    VERSION = tfds.core.Version('3.0.1')

    def _info(self):
      return tfds.core.DatasetInfo(
          builder=self, features=tfds.features.FeaturesDict({
              'image': tfds.features.Image(shape=shape),
              'label': tfds.features.ClassLabel(num_classes=10)}))

    def _split_generators(self, dl_manager):
      return {split: self._generate_examples(*examples)
              for split, examples in splits.items()}

    def _generate_examples(self, x, y):
      for i, (image, label) in enumerate(zip(x, y)):
        yield i, {'image': png(image), 'label': int(label)}

  Builder.name = name
  Builder(data_dir=folder, file_format='array_record').download_and_prepare()


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  return tmp_path_factory.mktemp('tfds')


@pytest.fixture(scope='module')
def small_mnist(folder):
  splits = {'train': _images(1205, (28, 28, 1), 0),
            'test': _images(30, (28, 28, 1), 1)}
  _prepare(folder, 'mnist', (28, 28, 1), splits)
  return data.load('mnist', folder), splits


@pytest.mark.parametrize('split', data.SPLITS)
def test_examples_are_taken_by_their_places_in_a_split(small_mnist, folder, split):
  every = getattr(small_mnist[0], split)
  indices = [len(every) - 1, 0, 7, 7]
  taken = data.take('mnist', split, indices, folder)
  np.testing.assert_array_equal(taken.x, every.x[indices])
  np.testing.assert_array_equal(taken.y, every.y[indices])
  for wrong in (len(every), -1):
    with pytest.raises(ValueError, match=(
        f'mnist has no {split} example {wrong}; give indices from 0 to {len(every) - 1}')):
      data.take('mnist', split, [wrong], folder)


def _expected(pixels, mean, std):
  x = ((pixels / 255 - mean) / std).astype(np.float32)
  return jax.image.resize(x, (len(x), 32, 32, x.shape[-1]), 'bilinear')


def test_images_are_normalised_and_then_resized(small_mnist):
  dataset, splits = small_mnist
  x, y = splits['test']
  np.testing.assert_allclose(
      dataset.test.x, _expected(x, .1307, .3081), atol=2e-6)
  np.testing.assert_array_equal(dataset.test.y, y)
  assert dataset.test.x.dtype == np.float32


def test_first_nine_tenths_train_in_the_published_order(small_mnist):
  dataset, splits = small_mnist
  x, y = splits['train']
  assert (len(dataset.train), len(dataset.validation)) == (1084, 121)
  np.testing.assert_array_equal(dataset.train.y, y[:1084])
  np.testing.assert_array_equal(dataset.validation.y, y[1084:])
  np.testing.assert_allclose(
      dataset.validation.x, _expected(x[1084:], .1307, .3081), atol=2e-6)


def test_name_and_classes(small_mnist):
  dataset, _ = small_mnist
  assert (dataset.name, dataset.num_classes) == ('mnist', 10)
  assert dataset.class_names == tuple('0123456789')


def test_a_prepared_folder_comes_before_published_files(small_mnist, folder):
  """Which are never fetched then: here there are none to fetch."""
  (folder / 'mnist' / 'train-images-idx3-ubyte.gz').write_bytes(b'not what was published')
  assert len(data.load('mnist', folder).test) == 30


def test_data_dir_comes_from_the_environment(small_mnist, folder, monkeypatch):
  monkeypatch.setenv('TFDS_DATA_DIR', str(folder))
  np.testing.assert_array_equal(data.load('mnist').test.y, small_mnist[0].test.y)


def test_a_version_that_tfds_does_not_read_is_refused(tmp_path):
  version = tmp_path / 'cifar100' / '9.9'
  version.mkdir(parents=True)
  (version / 'dataset_info.json').write_text('{}')
  with pytest.raises(FileNotFoundError, match='another folder') as error:
    data.load('cifar100', tmp_path)
  assert f'{tmp_path} has no cifar100 that tensorflow-datasets' in str(error.value)


def test_a_prepared_folder_without_tfds_says_what_to_install(small_mnist, folder, monkeypatch):
  monkeypatch.setitem(sys.modules, 'tensorflow_datasets', None)
  with pytest.raises(ImportError, match=r"pip install 'unsc_jax\[experiments\]'") as error:
    data.load('mnist', folder)
  assert '. ' not in str(error.value)


def test_files_without_random_access_are_refused(tmp_path):
  _prepare(tmp_path, 'mnist', (28, 28, 1), {'train': _images(3, (28, 28, 1), 0)})
  info = tmp_path / 'mnist' / '3.0.1' / 'dataset_info.json'
  stated = json.loads(info.read_text())
  assert stated['fileFormat'] == 'array_record'
  info.write_text(json.dumps({**stated, 'fileFormat': 'tfrecord'}))
  with pytest.raises(ValueError, match='without random access: prepare mnist'):
    data.load('mnist', tmp_path)


def test_loading_prints_nothing(small_mnist, capfd, tmp_path):
  _, splits = small_mnist
  _prepare(tmp_path, 'mnist', (28, 28, 1), splits)
  capfd.readouterr()
  data.load('mnist', tmp_path)
  assert capfd.readouterr() == ('', '')


@pytest.mark.slow
@pytest.mark.real_data
def test_fashion_mnist_is_the_published_one(real_data_dir, shared_dir):
  raw = shared_dir / 'data' / 'fashion_mnist'
  read = lambda name, skip: np.frombuffer(
      gzip.decompress((raw / name).read_bytes()), np.uint8, offset=skip)
  y = read('train-labels-idx1-ubyte.gz', 8)
  x = read('train-images-idx3-ubyte.gz', 16).reshape(-1, 28, 28, 1)
  dataset = data.load('fashion_mnist', real_data_dir)
  np.testing.assert_array_equal(dataset.train.y, y[:54_000])
  np.testing.assert_array_equal(dataset.validation.y, y[54_000:])
  np.testing.assert_allclose(
      dataset.validation.x, _expected(x[54_000:], .286, .353), atol=5e-6)
  assert dataset.class_names[6] == 'Shirt'


@pytest.mark.slow
@pytest.mark.real_data
def test_cifar10_is_the_published_one(real_data_dir, shared_dir):
  raw = shared_dir / 'data' / 'cifar10'
  dataset = data.load('cifar10', real_data_dir)
  for part, split in (('train', dataset.train), ('test', dataset.test)):
    y = np.fromfile(raw / f'{part}_labels.u8', np.uint8)
    np.testing.assert_array_equal(split.y, y[:len(split)])
  assert len(dataset.train) == 45_000
  assert dataset.test.x.shape == (10_000, 32, 32, 3)
  # Per channel, with the training pixels' true mean and deviation.
  std = np.array([.229, .224, .225])
  x = dataset.train.x.reshape(-1, 3)[::10]
  np.testing.assert_allclose(
      x.mean(0) * std + [.485, .456, .406], [.491, .482, .447], atol=2e-3)
  np.testing.assert_allclose(x.std(0) * std, [.247, .243, .262], atol=2e-3)
