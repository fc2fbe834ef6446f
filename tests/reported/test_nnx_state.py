"""A whole `nnx.State` as the parameters: random keys and counters are among its leaves."""

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import training

KEY = jax.random.key(0)


class Net(nnx.Module):
  """A dense layer, BatchNorm, dropout, and a head."""

  def __init__(self, rngs):
    self.first = nnx.Linear(6, 8, rngs=rngs)
    self.norm = nnx.BatchNorm(8, rngs=rngs)
    self.dropout = nnx.Dropout(.1, rngs=rngs)
    self.head = nnx.Linear(8, 3, rngs=rngs)

  def __call__(self, x):
    return self.head(self.dropout(nnx.relu(self.norm(self.first(x)))))


@pytest.fixture(scope='module')
def problem():
  graph, state = nnx.split(Net(nnx.Rngs(0)))

  def fn(state, x):
    return nnx.view(nnx.merge(graph, state), deterministic=True, use_running_average=True)(x)

  def train_fn(state, x, key):
    del key
    model = nnx.merge(graph, state)
    logits = model(x)
    return logits, nnx.state(model)

  rng = np.random.default_rng(0)
  data = problem_lib.Examples(
      rng.normal(size=(60, 6)).astype(np.float32), np.repeat(np.arange(3), 20))
  network = problem_lib.Network(
      fn, lambda key: nnx.state(Net(nnx.Rngs(params=key, dropout=1))), train_fn,
      trainable=lambda path: not path.endswith(('mean', 'var')))
  retain, forget = problem_lib.split_classes(data, [2])
  return problem_lib.Problem(network, state, retain, forget, 3, (2,))


def _others(state):
  """What may not or cannot be trained, by path, as numbers."""
  found = {}
  for path, leaf in jax.tree_util.tree_leaves_with_path(state):
    name = jax.tree_util.keystr(path)
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
      found[name] = jax.random.key_data(leaf)
    elif not jnp.issubdtype(leaf.dtype, jnp.floating) or 'mean' in name or 'var' in name:
      found[name] = np.asarray(leaf)
  return found


@pytest.mark.parametrize('method', [
    methods.unsc(null_space.pooled(.6), steps=3, stop_below=-1.),
    methods.fine_tune(optax.sgd(.1), steps=3), methods.ssd(.5)], ids=['unsc', 'fine_tune', 'ssd'])
def test_methods_train_the_rest(method, problem):
  done = method(problem, KEY)
  before, after = _others(problem.params), _others(done.params)
  assert len(before) > 2
  jax.tree.map(np.testing.assert_array_equal, after, before)
  head = lambda params: np.asarray(params['head']['kernel'][...])
  assert (head(done.params) != head(problem.params)).any()


def test_training_counts_on_and_learns(problem):
  """What the pass rewrites, such as dropout's counter, is kept: 3 steps, 3 more."""
  recipe = training.Recipe(lambda steps: optax.sgd(.1), 1, 20)
  done = methods.retrain(recipe)(problem, KEY)
  fresh = problem.network.init(KEY)
  counted = lambda state: int(state['dropout']['rngs']['count'][...])
  assert counted(done.params) == counted(fresh) + 2
