"""Published files: fetched from a server, checked by hash, read as their formats are."""

import functools
import gzip
import hashlib
import http.server
import io
import socket
import struct
import sys
import tarfile
import threading

import jax
import numpy as np
import pytest
from scipy import io as scipy_io

from unsc_jax import data
from unsc_jax.data import idx
from unsc_jax.data import images
from unsc_jax.data import published

pytest.importorskip('pooch')

SIZES = {'train': 21, 'test': 5}
GREY, COLOUR = (28, 28, 1), (32, 32, 3)


def _images(name, shape):
  """Pixels and labels of both splits, with every kind of edge: 0, 255, the last class."""
  rng = np.random.default_rng(len(name))
  classes = len(images.RECIPES[name].class_names)
  splits = {}
  for split, size in SIZES.items():
    x, y = rng.integers(0, 256, (size, *shape), np.uint8), rng.integers(0, classes, size)
    x[0], x[1], y[:2] = 0, 255, (0, classes - 1)
    splits[split] = x, y
  return splits


def _idx(array):
  """As yann.lecun.com/exdb/mnist describes it."""
  header = bytes([0, 0, 8, array.ndim]) + struct.pack(f'>{array.ndim}i', *array.shape)
  return gzip.compress(header + array.astype(np.uint8).tobytes())


def _grey_files(splits):
  return {f'{part}-{kind}-ubyte.gz': _idx(array)
          for split, part in (('train', 'train'), ('test', 't10k'))
          for kind, array in (('images-idx3', splits[split][0][..., 0]),
                              ('labels-idx1', splits[split][1]))}


def _records(x, y, coarse=b''):
  """A byte of label, then the red channel row by row, the green and the blue one."""
  return b''.join(coarse + bytes([label]) + b''.join(image[..., c].tobytes() for c in range(3))
                  for image, label in zip(x, y))


def _archive(members):
  buffer = io.BytesIO()
  with tarfile.open(fileobj=buffer, mode='w:gz') as archive:
    for name, content in members.items():
      info = tarfile.TarInfo(name)
      info.size = len(content)
      archive.addfile(info, io.BytesIO(content))
  return buffer.getvalue()


def _cifar10_files(splits):
  (x, y), test = splits['train'], splits['test']
  members = {f'cifar-10-batches-bin/data_batch_{i + 1}.bin': _records(*part)
             for i, part in enumerate(zip(np.array_split(x, 5), np.array_split(y, 5)))}
  members = dict(reversed(members.items()))  # an archive need not be in order
  members['cifar-10-batches-bin/test_batch.bin'] = _records(*test)
  return {'cifar-10-binary.tar.gz': _archive(members)}


def _cifar100_files(splits):
  return {'cifar-100-binary.tar.gz': _archive({
      f'cifar-100-binary/{split}.bin': _records(*part, coarse=b'\7')
      for split, part in splits.items()})}


def _svhn_files(splits):
  files = {}
  for split, (x, y) in splits.items():
    buffer = io.BytesIO()
    scipy_io.savemat(buffer, {'X': np.moveaxis(x, 0, -1),
                              'y': np.where(y == 0, 10, y).astype(np.uint8)[:, None]})
    files[f'{split}_32x32.mat'] = buffer.getvalue()
  return files


KINDS = {'mnist': (GREY, _grey_files), 'fashion_mnist': (GREY, _grey_files),
         'cifar10': (COLOUR, _cifar10_files), 'cifar100': (COLOUR, _cifar100_files),
         'svhn_cropped': (COLOUR, _svhn_files)}


class _Quiet(http.server.SimpleHTTPRequestHandler):
  def log_message(self, *_):
    pass


@pytest.fixture(scope='module')
def server(tmp_path_factory):
  """A folder, and the address at which it is served."""
  root = tmp_path_factory.mktemp('server')
  handler = functools.partial(_Quiet, directory=root)
  with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as served:
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield root, f'http://127.0.0.1:{served.server_port}'
    served.shutdown()


@pytest.fixture(autouse=True)
def no_tfds(monkeypatch, tmp_path):
  """Where tfds would look there is nothing."""
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'tfds'))


@pytest.fixture
def publish(server, monkeypatch):
  """Publishes files of a data set; returns the folder in which they are served."""
  root, address = server

  def _publish(name, splits):
    files = KINDS[name][1](splits)
    (root / name).mkdir(exist_ok=True)
    for file, content in files.items():
      (root / name / file).write_bytes(content)
    assert {*files} == {*published.SOURCES[name].sha256}  # the names that are published
    monkeypatch.setitem(published.SOURCES, name, published.SOURCES[name]._replace(
        url=f'{address}/{name}/',
        sha256={file: hashlib.sha256(content).hexdigest() for file, content in files.items()}))
    return root / name

  return _publish


def _expected(name, pixels):
  recipe = images.RECIPES[name]
  x = (pixels / 255 - recipe.mean) / recipe.std  # float64
  return jax.image.resize(x.astype(np.float32), (len(x), 32, 32, x.shape[-1]), 'bilinear')


@pytest.mark.parametrize('name', KINDS)
def test_what_was_published_is_what_is_loaded(name, publish, tmp_path):
  splits = _images(name, KINDS[name][0])
  publish(name, splits)
  dataset = data.load(name, tmp_path)
  (x, y), (x_test, y_test) = splits['train'], splits['test']
  assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [18, 3, 5]
  for part, pixels, labels in ((dataset.train, x[:18], y[:18]),
                               (dataset.validation, x[18:], y[18:]),
                               (dataset.test, x_test, y_test)):
    np.testing.assert_array_equal(part.y, labels)
    np.testing.assert_allclose(part.x, _expected(name, pixels), atol=3e-6)
    assert (part.x.dtype, part.y.dtype) == (np.float32, np.int32)
  assert dataset.num_classes == len(dataset.class_names) == (100 if name == 'cifar100' else 10)
  taken = data.take(name, 'validation', [2, 0, 2], tmp_path)
  np.testing.assert_array_equal(taken.x, dataset.validation.x[[2, 0, 2]])
  np.testing.assert_array_equal(taken.y, dataset.validation.y[[2, 0, 2]])
  with pytest.raises(ValueError, match=f'{name} has no test example 5; give indices from 0 to 4'):
    data.take(name, 'test', [5], tmp_path)


def test_it_is_fetched_once_and_quietly(publish, tmp_path, capfd):
  served = publish('mnist', _images('mnist', GREY))
  first = data.load('mnist', tmp_path)
  for file in served.iterdir():
    file.unlink()
  capfd.readouterr()
  again = data.load('mnist', tmp_path)
  assert capfd.readouterr() == ('', '')
  np.testing.assert_array_equal(first.train.x, again.train.x)


def test_it_goes_to_the_users_cache(publish, tmp_path, monkeypatch):
  import pooch
  monkeypatch.setattr(pooch, 'os_cache', lambda project: tmp_path / project)
  publish('mnist', _images('mnist', GREY))
  data.load('mnist')
  assert {path.name for path in (tmp_path / 'unsc_jax' / 'mnist').iterdir()} == {
      *published.SOURCES['mnist'].sha256}


def test_files_put_there_by_hand_are_read_where_nothing_can_be_written(publish, tmp_path):
  served = publish('mnist', _images('mnist', GREY))
  by_hand = tmp_path / 'mnist'
  served.rename(by_hand)
  by_hand.chmod(0o500)
  try:
    assert len(data.load('mnist', tmp_path).test) == 5
  finally:
    by_hand.chmod(0o700)


def _sentence(error):
  message = str(error.value)
  assert '\n' not in message
  assert '. ' not in message
  return message


def test_other_content_is_refused_and_not_kept(publish, tmp_path):
  served = publish('mnist', _images('mnist', GREY))
  file = served / 't10k-labels-idx1-ubyte.gz'
  file.write_bytes(_idx(np.zeros(5)))
  with pytest.raises(ValueError, match='is not the mnist that was published') as error:
    data.load('mnist', tmp_path)
  assert file.name in _sentence(error)
  assert not (tmp_path / 'mnist' / file.name).exists()


def test_a_damaged_file_is_fetched_anew(publish, tmp_path):
  publish('mnist', _images('mnist', GREY))
  first = data.load('mnist', tmp_path)
  file = tmp_path / 'mnist' / 'train-images-idx3-ubyte.gz'
  file.write_bytes(file.read_bytes()[:-1])
  np.testing.assert_array_equal(data.load('mnist', tmp_path).train.x, first.train.x)


def test_without_a_network_it_says_what_is_missing(publish, tmp_path, monkeypatch):
  publish('mnist', _images('mnist', GREY))
  with socket.create_server(('127.0.0.1', 0)) as closed:
    port = closed.getsockname()[1]
  monkeypatch.setitem(published.SOURCES, 'mnist', published.SOURCES['mnist']._replace(
      url=f'http://127.0.0.1:{port}/'))
  with pytest.raises(ConnectionError, match='cannot be fetched') as error:
    data.load('mnist', tmp_path)
  said = _sentence(error)
  assert f'train-images-idx3-ubyte.gz of mnist is not in {tmp_path / "mnist"}' in said
  assert 'refused' in said


def test_a_file_that_is_published_no_more_says_so(publish, tmp_path):
  (publish('svhn_cropped', _images('svhn_cropped', COLOUR)) / 'test_32x32.mat').unlink()
  with pytest.raises(ConnectionError, match='404') as error:
    data.load('svhn_cropped', tmp_path)
  assert 'test_32x32.mat' in _sentence(error)


def test_without_pooch_it_says_what_to_install(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, 'pooch', None)
  with pytest.raises(ImportError, match=r"pip install 'unsc_jax\[data\]'") as error:
    data.load('mnist', tmp_path)
  _sentence(error)


def test_files_of_another_format_are_refused(tmp_path):
  file = tmp_path / 'ints.gz'
  file.write_bytes(gzip.compress(b'\0\0\x0c\1' + struct.pack('>2i', 1, 7)))
  with pytest.raises(ValueError, match='no IDX file of bytes'):
    idx.array(file)


@pytest.mark.real_data
def test_real_files_pass_their_hashes_and_are_those_of_tfds(real_data_dir, shared_dir):
  raw = shared_dir / 'data'
  if not (raw / 'fashion_mnist' / 'train-images-idx3-ubyte.gz').exists():
    pytest.skip(f'no published files in {raw}')
  for split, last in (('train', 53_999), ('validation', 5_999), ('test', 9_999)):
    indices = [0, last, last // 3]
    as_published = data.take('fashion_mnist', split, indices, raw)
    prepared = data.take('fashion_mnist', split, indices, real_data_dir)
    np.testing.assert_array_equal(as_published.x, prepared.x)
    np.testing.assert_array_equal(as_published.y, prepared.y)


def test_class_names_are_those_of_tfds():
  tfds = pytest.importorskip('tensorflow_datasets')
  for name in ('mnist', 'svhn_cropped'):
    label = tfds.builder(name, data_dir='/nowhere').info.features['label']
    assert tuple(label.names) == images.RECIPES[name].class_names
  hundred = images.RECIPES['cifar100'].class_names
  assert list(hundred) == sorted({*hundred})
