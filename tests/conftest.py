"""Eight virtual CPU devices, and where the real data lies."""

import importlib.metadata
import os

# Before JAX is imported: it reads them only once. Most of a test is compilation of
# a program that runs once, for which LLVM need not try hard. Eight devices on a busy
# machine may wait long for each other: by default XLA ends the process after 40 seconds.
FLAGS = ['--xla_force_host_platform_device_count=8', '--xla_backend_optimization_level=0']
# An XLA that does not know a flag ends the process as well, so each version gets those
# that were tried with it. Without fusion emitters it compiles in half the time, and in a
# fifth less where a program is not split into parts.
if importlib.metadata.version('jaxlib').startswith('0.10.'):
  FLAGS += ['--xla_cpu_use_fusion_emitters=false',
            '--xla_cpu_parallel_codegen_split_count=1',
            '--xla_cpu_collective_call_terminate_timeout_seconds=600',
            '--xla_cpu_collective_timeout_seconds=600']
os.environ.setdefault('XLA_FLAGS', ' '.join(FLAGS))
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
# The partitionable generator, JAX's default, takes XLA a second to compile for
# every new shape on a CPU, and a network's initialisation has a dozen of them.
os.environ.setdefault('JAX_THREEFRY_PARTITIONABLE', '0')

# Two processes whose BLAS and OpenMP have two threads each wait for each other: scikit-learn
# takes twice as long by that.
for _threads in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'):
  os.environ.setdefault(_threads, '1')

import atexit  # noqa: E402
import pathlib  # noqa: E402
import re  # noqa: E402
import shutil  # noqa: E402
import tempfile  # noqa: E402
import traceback  # noqa: E402

import pytest  # noqa: E402

from unsc_jax.evaluation.shadows import compilation  # noqa: E402

OTHERS = 'optax', 'flax', 'equinox', 'haiku'

# Equal programs are compiled once for all tests; pytest-xdist's processes inherit
# the folder from the first.
if 'JAX_COMPILATION_CACHE_DIR' not in os.environ:
  _compiled = tempfile.mkdtemp(prefix='unsc_jax-compiled-')
  atexit.register(shutil.rmtree, _compiled, ignore_errors=True)
  os.environ['JAX_COMPILATION_CACHE_DIR'] = _compiled
  os.environ['JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS'] = '0'


def pytest_runtest_setup(item):
  """`not_under('JAX_DEBUG_NANS', 'feeds NaN')`: what a strict mode forbids by design."""
  for mark in item.iter_markers('not_under'):
    mode, why = mark.args
    if os.environ.get(mode):
      pytest.skip(f'not under {mode}: {why}')


@pytest.fixture(autouse=True, scope='module')
def _few_programs():
  """Lets go of the programs of earlier files, once there are many."""
  compilation.make_room(8_000)


@pytest.fixture(autouse=True, scope='session')
def _small_maps():
  """A feature map of 300 points takes t-SNE two seconds a network."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr('unsc_jax.study.pictures.POINTS', 60)
    yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
  """What others promote in their own code, as Optax's Adam does, is not the library's."""
  try:
    return (yield)
  except ValueError as error:
    if not re.search('jax_numpy_(rank|dtype)_promotion=', str(error)):
      raise
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    last = next(file for file in reversed(files) if '/site-packages/jax/' not in file)
    if not any(f'/site-packages/{name}/' in last for name in OTHERS):
      raise
    pytest.skip(f'{last} itself promotes ranks or types')


@pytest.fixture(scope='session')
def real_data_dir() -> pathlib.Path:
  """A tfds folder with the real fashion_mnist and cifar10."""
  root = pathlib.Path(os.environ.get('UNSC_TEST_DATA_DIR')
                      or os.environ.get('TFDS_DATA_DIR')
                      or '~/tensorflow_datasets').expanduser()
  for name in ('fashion_mnist', 'cifar10'):
    if not list(root.glob(f'{name}/*/dataset_info.json')):
      pytest.skip(f'no {name} in {root}: set UNSC_TEST_DATA_DIR to a folder '
                  'in which tfds has prepared fashion_mnist and cifar10')
  return root


@pytest.fixture(scope='session')
def shared_dir() -> pathlib.Path:
  """The folder beside the checkout that carries checkpoints and raw data."""
  beside = pathlib.Path(__file__).parents[2] / 'shared'
  root = pathlib.Path(os.environ.get('UNSC_SHARED') or beside)
  if not (root / 'checkpoints').is_dir():
    pytest.skip(f'no checkpoints in {root}: set UNSC_SHARED to the folder '
                'that has them')
  return root
