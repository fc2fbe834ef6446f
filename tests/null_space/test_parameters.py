"""What a projection does to parameters of every kind and shape."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests import toys
import unsc_jax


def _norm(x):
  return np.linalg.norm(np.asarray(x, np.float64))


def _wide(tree):
  return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64) if jnp.issubdtype(
      leaf.dtype, jnp.floating) else leaf, tree)


def _truth(fn, params, retained, forgotten):
  """Projected updates leave the retained outputs, others do not.

  Returns the bases, a random update and what the projection makes of it.
  """
  bases = toys.bases_of(fn, params, retained)
  noise = {name: np.std(leaf) * toys.normal(9 + i, *leaf.shape)
           for i, (name, leaf) in enumerate(params.items())}
  projected = toys.confine(noise, bases)

  compiled = jax.jit(fn)

  def outputs(params, x):
    """In float64, so that only the update's own rounding is seen."""
    with jax.enable_x64(True):
      return np.asarray(compiled(params, _wide(x)))

  def moved(x, by):
    changed = jax.tree.map(np.add, _wide(params), _wide(by))
    return toys.change(outputs(_wide(params), x), outputs(changed, x))

  assert moved(retained, projected) <= 2e-6
  assert moved(retained, noise) > 1e-2
  assert moved(forgotten, projected) > 1e-2
  return bases, noise, projected


def test_projection_is_that_of_numpy(toy):
  """Of the right side of the right matrix, and for good."""
  x, hidden = np.asarray(toy.retained, np.float64), toy.params['hidden']
  h = np.tanh(x @ np.asarray(hidden['w'], np.float64) + np.asarray(hidden['b']))
  updates = {'hidden': {'w': toys.normal(7, *hidden['w'].shape)},
             'head': {'w': toys.normal(8, *toy.params['head']['w'].shape)}}
  once = toys.confine(updates, toy.bases)
  twice = toys.confine(once, toy.bases)
  for layer, rows, rank in (('hidden', x, 6), ('head', h, 20)):
    kept = np.linalg.svd(rows)[2][:rank].T
    update = np.asarray(updates[layer]['w'], np.float64)
    expected = update - kept @ (kept.T @ update)
    assert toy.bases[f'{layer}/w'].rank.tolist() == [rank]
    np.testing.assert_allclose(once[layer]['w'], expected, atol=2e-3)
    np.testing.assert_allclose(twice[layer]['w'], once[layer]['w'], atol=1e-5)
    leak = toy.leaks(updates)[f'{layer}/w']
    np.testing.assert_allclose(
        leak, _norm(kept.T @ update) / _norm(update), rtol=1e-3)
  assert toy.leak(jax.tree.map(np.zeros_like, toy.params)) == 0


def test_convolutional_network():
  def fn(params, x):
    for name, groups, strides in (('one', 1, 1), ('two', 4, 2)):
      x = jax.nn.relu(toys.convolve(x, params[name], (strides,) * 2, groups=groups))
    return x.reshape(len(x), -1) @ params['head']

  params = {'one': toys.normal(0, 3, 3, 8, 16) / 9, 'two': toys.normal(1, 3, 3, 4, 8) / 6,
            'head': toys.normal(2, 2 * 2 * 8, 3)}
  bases, *_ = _truth(fn, params, toys.normal(3, 2, 4, 4, 8), toys.normal(4, 2, 4, 4, 8))
  assert bases['two'].vectors.shape[:2] == (4, 36)


def test_stacked_layers_of_different_rank():
  fn = lambda params, x: jnp.einsum('bni,bio->bno', x, params['w'])
  x = toys.normal(1, 3, 5, 8)
  x[1, 1:] = x[2, 2:] = 0
  bases, *_ = _truth(fn, {'w': toys.normal(0, 3, 8, 4)}, x, toys.normal(2, 3, 5, 8))
  assert bases['w'].rank.tolist() == [5, 1, 2]


def test_tied_table_is_confined_in_rows_and_columns():
  def fn(params, ids):
    h = jnp.tanh(params['table'][ids].mean(1) @ params['mix'])
    return h @ params['table'].T

  params = {'table': toys.normal(0, 20, 12), 'mix': toys.normal(1, 12, 12)}
  retained = np.array([[0, 1, 2], [3, 4, 5], [5, 6, 0]])
  bases, noise, projected = _truth(
      fn, params, retained, np.array([[0, 17, 18], [19, 9, 8], [8, 7, 0]]))
  assert sorted(basis.site.kind for basis in bases.by_path['table']) == ['dense', 'lookup']
  table = np.asarray(params['table'], np.float64)
  h = np.tanh(table[retained].mean(1) @ np.asarray(params['mix'], np.float64))
  kept = np.linalg.svd(h)[2][:3]
  expected = np.asarray(noise['table'], np.float64)
  expected = expected - expected @ kept.T @ kept
  expected[:7] = 0
  np.testing.assert_allclose(projected['table'], expected, atol=1e-5)
  leak = toys.leak(noise, bases)['table']
  np.testing.assert_allclose(
      leak, _norm(noise['table'] - expected) / _norm(noise['table']), rtol=1e-4)


@pytest.mark.not_under('JAX_NUMPY_DTYPE_PROMOTION', 'float32 inputs meet 16-bit layers')
def test_bfloat16_parameters_keep_float32_bases(toy):
  params = jax.tree.map(lambda p: p.astype(jnp.bfloat16), toy.params)
  tx = unsc_jax.project_updates(optax.adam(1e-2), toy.bases)
  state, step = tx.init(params), jax.jit(lambda p, s: toy.step(
      tx, p, s, toy.forgotten))
  for _ in range(2):
    params, state, updates = jax.block_until_ready(step(params, state))
  for basis in state.bases:
    assert basis.vectors.dtype == jnp.float32
  assert all(u.dtype == jnp.bfloat16 for u in jax.tree.leaves(updates))
  # What leaks is the rounding of the updates and nothing more.
  assert 1e-4 < toy.leak(updates) < 2**-8


def test_bases_must_fit_the_parameters(toy):
  p = unsc_jax.null_space_projection(toy.bases)
  other = {'hiden': toy.params['hidden'], 'head': toy.params['head']}
  for tx in (p, unsc_jax.project_updates(optax.sgd(.1), toy.bases)):
    with pytest.raises(ValueError, match="the bases name 'hidden/w', but .* "
                       "closest is 'hiden/w'"):
      tx.init(other)
  for shape in ((24, 49), (48, 24), (6, 4, 49), (12, 96)):
    with pytest.raises(ValueError, match='basis of hidden/w was made for a '
                       r'parameter whose axes are, .*\(24, 48\), but it has shape'):
      p.init({**toy.params, 'hidden': {'w': np.zeros(shape, np.float32)}})


def test_parameters_left_out_need_no_bases(toy):
  """Masked, or None where Equinox filters them out."""
  p = unsc_jax.null_space_projection(toy.bases)
  for left_out in (optax.MaskedNode(), {'w': None, 'b': None}):
    params = {**toy.params, 'head': left_out}
    updates, _ = jax.jit(p.update)(params, p.init(params))
    assert toy.leak(updates) <= 1e-5


def test_shapes_alone_give_a_states_shapes(toy):
  """For sharding rules and checkpoints, before there are parameters."""
  tx = unsc_jax.project_updates(optax.adam(1e-2), toy.bases)
  shapes, state = jax.eval_shape(tx.init, toy.params), tx.init(toy.params)
  assert jax.tree.map(jnp.shape, state) == jax.tree.map(lambda s: s.shape, shapes)
