"""A method compiles a handful of programs, whatever its classes' sizes, and none again.

Before, every size of batch was a program of its own and so was every operation on a
new shape: 154 of them for the network and data of `benchmarks/cold_start.py`.
"""

import functools

import jax
import numpy as np
import optax
import pytest

from benchmarks import _programs
from tests import toys
from unsc_jax import methods
from unsc_jax import moments as moments_lib
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax.parts import passes

SIZES = (23, 40, 3, 17)  # of the classes: no two end in a batch of one size
WIDTH = 4


def _fn(params, x):
  h = jax.nn.relu(toys.convolve(x, params['conv']['kernel'], (2, 2)) + params['conv']['bias'])
  h = jax.nn.relu(h.reshape(len(h), -1) @ params['dense'])
  return h @ params['head']


def _problem(seed, forget=1, noise=0., width=WIDTH):
  normal = functools.partial(np.random.default_rng(seed).normal)
  y = np.repeat(np.arange(len(SIZES)), SIZES).astype(np.int32)
  prototypes = normal(size=(len(SIZES), 6, 6, 1))
  x = np.float32(prototypes[y] + .3 * normal(size=(len(y), 6, 6, 1)))
  params = {
      'conv': {'kernel': normal(size=(3, 3, 1, width)), 'bias': np.zeros(width)},
      'dense': normal(size=(9 * width, 8)), 'head': normal(size=(8, len(SIZES)))}
  x += noise * np.random.default_rng(9).normal(size=x.shape).astype(np.float32)
  retain, forget_set = problem_lib.split_classes(problem_lib.Examples(x, y), [forget])
  return problem_lib.Problem(
      problem_lib.Network(_fn), jax.tree.map(lambda w: jax.device_put(np.float32(w)), params),
      retain, forget_set, len(SIZES), (forget,))


@pytest.mark.filterwarnings('ignore:.*no free direction')
def test_unsc_is_a_few_programs_whatever_the_sizes_of_classes():
  method = methods.unsc(steps=11, batch_size=8, moments_batch_size=16)
  problem, key = _problem(0, width=WIDTH + 1), jax.random.key(0)  # no other test has it
  with _programs.compiled() as names:
    method(problem, key)
  passes = [name for name in names if 'moments_of' in name]
  assert len(passes) == 1
  assert len(names) <= 16, names


METHODS = {
    'unsc': lambda: methods.unsc(steps=11, batch_size=8),
    'unsc, merged': lambda: methods.unsc(null_space.merged(), steps=3, batch_size=8),
    'fine_tune': lambda: methods.fine_tune(optax.adam(1e-3), steps=3, batch_size=8),
    'scrub': lambda: methods.scrub(rounds=2, batch_size=8),
    'salun': lambda: methods.salun(rounds=1, batch_size=8),
    'ssd': lambda: methods.ssd(batch_size=16),
}


@pytest.mark.filterwarnings('ignore:.*no free direction')
@pytest.mark.parametrize('name', METHODS)
def test_a_second_call_compiles_nothing(name):
  """Of another key, and of another problem with data of about the same ranks.

  Nor by a method that is made anew with its optimiser, which equals no other for Optax.
  Where a layer keeps more than half of its directions instead of less, or an eighth of them
  more, a step is compiled for it.
  """
  METHODS[name]()(_problem(0), jax.random.key(0))
  with _programs.compiled() as names:
    METHODS[name]()(_problem(0), jax.random.key(1))
    METHODS[name]()(_problem(0, noise=.05), jax.random.key(2))
  assert not names


def test_rows_that_do_not_count_change_nothing():
  """Held against the same pass without them; the group law holds as before."""
  fn = moments_lib.input_moments(_fn)
  problem = _problem(2)
  x, n = problem.retain.x[:12], 7
  weights = np.float32(np.arange(12) < n)
  found = moments_lib.accumulate_rows(fn, problem.params, [(x, weights)])
  want = moments_lib.accumulate(fn, problem.params, [x[:n]])
  rest = moments_lib.accumulate(fn, problem.params, [x[n:]])
  whole = moments_lib.accumulate(fn, problem.params, [x])
  assert jax.tree.structure(found) == jax.tree.structure(want)
  for a, b, c, d in zip(found, want, whole - rest, whole, strict=True):
    scale = np.abs(d.second).max()
    np.testing.assert_allclose(a.second, b.second, atol=1e-6 * scale)
    np.testing.assert_allclose(a.second, c.second, atol=1e-6 * scale)
    np.testing.assert_array_equal(a.count, b.count)
  rows = x[:n].reshape(n, -1)  # the first layer's, in float64: its mean patch
  assert found['conv/kernel'].count.item() == n * 9
  energy = np.pad(np.float64(rows.reshape(n, 6, 6)), ((0, 0), (0, 1), (0, 1)))
  patches = np.stack([energy[:, i:i + 5:2, j:j + 5:2] for i in range(3) for j in range(3)])
  np.testing.assert_allclose(
      found['conv/kernel'].second[0], np.einsum('pnij,qnij->pq', patches, patches),
      rtol=1e-5, atol=1e-5)


def test_a_networks_own_mistake_is_no_reason_to_run_it_otherwise():
  moments_fn = moments_lib.input_moments(lambda params, x: x @ params['misspelt'])
  with pytest.raises(KeyError, match='misspelt'):
    moments_lib.row_by_row(
        moments_fn, {'w': np.eye(2)}, np.ones((3, 2), np.float32), np.ones(3, np.float32))


def test_what_cannot_be_told_apart_by_example_is_counted_as_before():
  """Examples that leave a loop at different steps share the batch's program."""
  def fn(params, x):
    x = jax.lax.while_loop(
        lambda x: abs(x).max() < 9, lambda x: x @ params['loop'], x)
    return x @ params['head']

  params = {'loop': 2 * np.eye(3, dtype=np.float32), 'head': np.eye(3, dtype=np.float32)}
  x = np.float32([[1, 0, 0], [0, 4, 0]])
  moments_fn = moments_lib.input_moments(fn)
  assert not moments_lib.row_by_row(moments_fn, params, x, np.ones(2, np.float32))
  examples = [problem_lib.Examples(x, np.array([c, c])) for c in (0, 1)]
  problem = problem_lib.Problem(problem_lib.Network(fn), params, *examples, 3)
  found = passes.moments(problem, x, 2)
  want = moments_lib.accumulate(moments_fn, params, [x])
  np.testing.assert_allclose(found['head'].second, want['head'].second)
