"""Moments of outputs, against Jacobians with respect to them in float64."""

import functools

import jax
from jax import lax
import jax.numpy as jnp
from jax.sharding import PartitionSpec as P
import numpy as np
import pytest

from tests import toys
from unsc_jax import moments as moments_lib
from unsc_jax import null_space
from unsc_jax import sharding
from unsc_jax.moments import moments as taking

output_moments = moments_lib.output_moments
KEY = jax.random.key(0)


def _mlp(params, x, extra=None):
  """Adds to the outputs of each layer what is given, for derivatives."""
  e = extra or {}
  h = jnp.tanh(x @ params['a'] + params['bias'][None] + e.get('a', 0))
  return h @ params['b'] + e.get('b', 0)


def _cnn(params, x, extra=None):
  """A plain, and a grouped, strided convolution; a dense layer."""
  e = extra or {}
  x = jnp.tanh(toys.convolve(x, params['one']) + e.get('one', 0))
  x = jnp.tanh(toys.convolve(x, params['two'], (2, 1), groups=2) + e.get('two', 0))
  return x.reshape(len(x), -1) @ params['head'] + e.get('head', 0)


def _scanned(params, x, extra=None):
  """Stacked layers in a loop, of which each remembers nothing."""
  e = extra or {'w': jnp.zeros((3, *x.shape), x.dtype)}

  @jax.checkpoint
  def step(h, layer):
    w, more = layer
    return jnp.tanh(h @ w + more), None

  h, _ = jax.lax.scan(step, x, (params['w'], e['w']))
  return h @ params['head'] + e.get('head', 0)


# A function, its parameters, its inputs; of every parameter the shape of its outputs,
# and how many layers it is.
CASES = {
    'mlp': (_mlp, {'a': toys.normal(0, 6, 5), 'b': toys.normal(1, 5, 3),
                   'bias': toys.normal(2, 5)}, toys.normal(3, 7, 6),
            {'a': (7, 5), 'b': (7, 3)}, {}),
    'cnn': (_cnn, {'one': toys.normal(0, 3, 3, 2, 4) / 4, 'two': toys.normal(1, 2, 2, 2, 6),
                   'head': toys.normal(2, 3 * 4 * 6, 3) / 4}, toys.normal(3, 4, 5, 4, 2),
            {'one': (4, 5, 4, 4), 'two': (4, 3, 4, 6), 'head': (4, 3)}, {'two': 2}),
    'scan': (_scanned, {'w': toys.normal(0, 3, 4, 4), 'head': toys.normal(1, 4, 2)},
             toys.normal(2, 5, 4), {'w': (3, 5, 4), 'head': (5, 2)}, {'w': 3}),
}


def _found(fn, params, x, **how):
  """The moments of outputs, in one compiled pass."""
  return taking.moments_of(output_moments(fn, **how), KEY, params, x)


@functools.cache
def _wanted(name):
  """Path to the sums `[B, o, o]` of `J^T J` over all rows, from whole Jacobians."""
  fn, params, x, shapes, layers = CASES[name]
  with jax.enable_x64(True):
    f64 = lambda tree: jax.tree.map(lambda a: np.asarray(a, np.float64), tree)
    zeros = {path: np.zeros(shape) for path, shape in shapes.items()}
    jacobian = jax.jit(jax.jacobian(lambda e: fn(f64(params), f64(x), e)))(zeros)
  out = {}
  for path, shape in shapes.items():
    j = np.asarray(jacobian[path]).reshape(-1, *shape)
    if path == 'w':  # a layer in front
      rows = np.moveaxis(j, 1, 0).reshape(shape[0], -1, shape[-1])
    else:
      groups = layers.get(path, 1)
      rows = np.moveaxis(j.reshape(-1, groups, shape[-1] // groups), 1, 0)
    out[path] = np.einsum('bni,bnj->bij', rows, rows)
  return out


@pytest.mark.parametrize('name', CASES)
def test_exact_sums_are_those_of_the_jacobian(name):
  fn, params, x, shapes, layers = CASES[name]
  found = _found(fn, params, x, draws=None)
  assert set(found.by_path) == set(shapes)  # a bias has none
  for path, want in _wanted(name).items():
    got = found[path]
    np.testing.assert_allclose(got.second, want, atol=2e-5 * np.abs(want).max())
    rows = np.prod(shapes[path][:-1]) // (layers[path] if path == 'w' else 1)
    assert got.count.tolist() == [rows] * len(want)
    of_inputs = toys.moments_of(fn, params, x)[path].site
    assert got.site.shape == of_inputs.shape
    assert got.site.reduction_axis == of_inputs.output_axis
    assert got.site.batch_axis == of_inputs.batch_axis


def test_random_combinations_are_right_on_average():
  name = 'cnn'
  fn, params, x, *_ = CASES[name]
  found = _found(fn, params, x, draws=1000)
  for path, want in _wanted(name).items():
    error = np.linalg.norm(found[path].second - want) / np.linalg.norm(want)
    assert error < .08


def test_they_add_up_and_do_not_depend_on_devices():
  fn, params, x, *_ = CASES['mlp']
  x = toys.normal(5, 16, 6)
  whole = moments_lib.accumulate_outputs(output_moments(fn, draws=None), KEY, params, [x])
  halves = moments_lib.accumulate_outputs(
      output_moments(fn, draws=None), KEY, params, [x[:8], x[8:]])
  split = _found(
      fn, params, sharding.shard_batch(x, sharding.data_mesh(8)), draws=None)
  for other in (halves, split):
    for a, b in zip(whole, other):
      assert a.count == b.count
      np.testing.assert_allclose(a.second, b.second, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('kind', ['shard_map', 'shard_map_no_vma', 'pmap'])
def test_each_device_of_an_axis_takes_its_own_examples(kind):
  fn, params, x, shapes, _ = CASES['scan']

  def run(draws):
    def of(params, x):
      key = jax.random.fold_in(KEY, lax.axis_index('data'))
      return lax.psum(output_moments(fn, draws=draws)(key, params, x)[1], 'data')

    if kind == 'pmap':
      found = jax.pmap(of, 'data', in_axes=(None, 0))(params, x[:, None])
      return jax.tree.map(lambda leaf: leaf[3], found)
    return jax.jit(jax.shard_map(
        of, mesh=sharding.data_mesh(len(x)), in_specs=(P(), P('data')), out_specs=P(),
        check_vma=kind == 'shard_map'))(params, x)

  exact = run(None)
  assert set(exact.by_path) == set(shapes)
  for path, want in _wanted('scan').items():
    np.testing.assert_allclose(exact[path].second, want, atol=2e-5 * np.abs(want).max())
    assert exact[path].count.tolist() == [len(x)] * len(want)
  drawn = run(1)['head'].second[0]  # signs of its outputs, which are the answers
  np.testing.assert_array_equal(np.diagonal(drawn), [len(x)] * 2)


def test_what_cannot_be_taken_is_told():
  def fn(params, x):
    h = params['table'][x].mean(1)
    h = h @ jnp.concatenate([params['left'], params['right']], 1)
    return jnp.tanh(h @ params['twice']) @ params['twice'].T @ params['head']

  params = {'table': toys.normal(0, 9, 4), 'left': toys.normal(1, 4, 2),
            'right': toys.normal(2, 4, 2), 'twice': toys.normal(3, 4, 4),
            'head': toys.normal(4, 4, 3)}
  ids = np.array([[0, 1], [3, 3]])
  sites = output_moments(fn).sites(params, ids)
  assert sites.uncaptured == {
      'table': 'used by `gather`', 'left': 'joined to other parameters',
      'right': 'joined to other parameters', 'twice': 'used in several ways'}
  out, found = jax.jit(output_moments(fn))(KEY, params, ids)
  np.testing.assert_allclose(out, jax.jit(fn)(params, ids), rtol=1e-5, atol=1e-5)
  assert set(found.by_path) == {'head'}
  with pytest.raises(ValueError, match='0 combinations say nothing'):
    output_moments(fn, draws=0)
  assert not _found(fn, params, ids, select=lambda site: site.folded[1] > 3).by_path


@pytest.mark.parametrize('charges_each_side', [True, False])
def test_a_filter_of_both_sides_is_the_minimiser_of_its_price(charges_each_side):
  fn, params, x, *_ = CASES['mlp']
  taus = .01, .1
  filter = (null_space.two_sided(*map(null_space.soft, taus)) if charges_each_side
            else null_space.kronecker(taus[0] * taus[1]))
  moments = toys.moments_of(fn, params, x)
  gains = filter(moments, _found(fn, params, x, draws=None))
  update = np.asarray(toys.normal(9, 6, 5), np.float64)
  got = toys.confine({'a': np.float32(update)}, gains)['a']
  rows = np.asarray(x, np.float64)
  a = rows.T @ rows / np.sum(rows**2) / taus[0]
  g = _wanted('mlp')['a'][0]
  g = g / np.trace(g) / taus[1]
  # Of D as a vector, row by row: |D - U|^2 + <D, A D G>, and <D, A D> + <D, D G>.
  system = np.eye(30) + np.kron(a, g)
  if charges_each_side:
    system += np.kron(a, np.eye(5)) + np.kron(np.eye(6), g)
  want = np.linalg.solve(system, update.ravel()).reshape(6, 5)
  np.testing.assert_allclose(got, want, atol=1e-4)
  # Random entries leak as expected, on average.
  many = [{'a': toys.normal(i, 6, 5)} for i in range(40)]
  once = [np.asarray(toys.confine(one, gains)['a']) for one in many]
  twice = [np.asarray(toys.confine({'a': one}, gains)['a']) for one in once]
  leak = np.sqrt(sum(np.sum((p - q)**2) for p, q in zip(once, twice))
                 / sum(np.sum(p**2) for p in once))
  np.testing.assert_allclose(null_space.expected_leak(gains)['a'], leak, rtol=.15)
  with pytest.raises(ValueError, match='needs the moments of outputs too'):
    filter(moments)


def test_a_stacked_layer_has_a_filter_of_both_sides_each():
  """And what has no output moments has the soft filter of its inputs."""
  fn, params, x, *_ = CASES['scan']
  moments, outputs = toys.moments_of(fn, params, x), _found(fn, params, x)
  whole = null_space.kronecker(.01)(moments, outputs)
  update = toys.normal(9, 3, 4, 4)
  got = toys.confine({'w': update}, whole)['w']
  for i in range(3):
    share = lambda m, i=i: np.asarray(m.second[i], np.float64) / np.trace(m.second[i])
    system = np.eye(16) + np.kron(share(moments['w']), share(outputs['w'])) / .01
    want = np.linalg.solve(system, np.asarray(update[i], np.float64).ravel())
    np.testing.assert_allclose(got[i].ravel(), want, atol=1e-3)
  alone = null_space.kronecker(.01)(moments, moments_lib.Moments({}))
  np.testing.assert_array_equal(
      alone['w'].matrix, null_space.soft(.01)(moments)['w'].matrix)


@pytest.mark.filterwarnings('ignore:b has no free direction')
def test_what_no_answer_reads_is_free():
  """And to first order a change along it moves no retained answer."""
  params = {'a': toys.normal(0, 6, 5), 'bias': toys.normal(2, 5),
            # Three hidden units go nowhere.
            'b': toys.normal(1, 5, 3) * np.float32([1, 1, 0, 0, 0])[:, None]}
  x = toys.normal(3, 30, 6)
  outputs = _found(_mlp, params, x)
  outer = null_space.hard(null_space.threshold_rank(1e-5))(outputs)
  assert outer['a'].degrees_of_freedom.item() == 3
  noise = toys.normal(4, 6, 5)
  update = {**jax.tree.map(np.zeros_like, params), 'a': toys.project(outer['a'], noise)}
  assert jnp.abs(update['a']).max() > .1
  moments = toys.moments_of(_mlp, params, x)
  passed = toys.confine(update, null_space.kronecker(1e-4)(moments, outputs))['a']
  np.testing.assert_allclose(passed, update['a'], atol=1e-3)
  _, moved = jax.jit(lambda p, u: jax.jvp(lambda p: _mlp(p, x), (p,), (u,)))(params, update)
  assert jnp.abs(moved).max() < 1e-4
