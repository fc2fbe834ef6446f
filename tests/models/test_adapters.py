"""The network of each framework, trained, forgotten from and retrained by its adapter.

Held against the framework's own calls and against NumPy in float64.
"""

import sys
from typing import Any

import equinox as eqx
from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.models.networks import FRAMEWORKS
from tests.models.networks import haiku
from tests.models.networks import KEY
from tests.models.networks import MOMENTUM
from tests.models.networks import NNX
from unsc_jax import methods
from unsc_jax import models
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.evaluation.shadows import ensembles
from unsc_jax.problem import trainable


def _data(seed):
  rng = np.random.default_rng(seed)
  y = np.repeat(np.arange(3), 20)
  x = 3 * np.eye(3, 6)[y] + .5 * rng.normal(size=(60, 6))
  return problem_lib.Examples(x.astype(np.float32), y)


DATA, TEST = _data(0), _data(1)
RECIPE = training.Recipe(lambda steps: optax.adam(3e-2), 15, 20)


@pytest.fixture(scope='module', params=[
    # In long runs alone: linen, of which other files speak, and Equinox's other mode.
    pytest.param(name, marks=pytest.mark.slow if name in ('linen', 'equinox, ema') else ())
    for name in FRAMEWORKS])
def framework(request):
  return FRAMEWORKS[request.param]()


@pytest.fixture(scope='module')
def run(framework):
  return jax.jit(framework.network.train_fn)


@pytest.fixture(scope='module')
def problem(framework):
  params = training.train(framework.network, DATA, RECIPE, KEY).params
  return problem_lib.Problem(
      framework.network, params, *problem_lib.split_classes(DATA, [2]), 3, (2,))


def _inputs_of_norm(framework, params, x):
  w, b = (np.asarray(leaf, np.float64) for leaf in framework.first(params))
  return np.asarray(x, np.float64) @ w + b


def _right(framework, params, examples) -> float:
  return np.mean(np.asarray(framework.apply(params, examples.x)).argmax(-1) == examples.y)


def test_it_says_what_the_framework_says_and_has_learnt(framework, problem):
  np.testing.assert_allclose(
      problem.fn(problem.params, TEST.x), framework.apply(problem.params, TEST.x), atol=1e-5)
  assert _right(framework, problem.params, TEST) > .9


def test_statistics_are_those_of_the_training_inputs(framework, problem):
  """Exact after re-estimation, though dropout and 20 examples a step trained it."""
  seen = _inputs_of_norm(framework, problem.params, DATA.x)
  mean, var = map(np.asarray, framework.kept(problem.params))
  np.testing.assert_allclose(mean, seen.mean(0), rtol=1e-4, atol=1e-5)
  np.testing.assert_allclose(var, seen.var(0), rtol=1e-4)


def test_old_statistics_do_not_matter_and_the_rest_is_at_rest(framework, problem):
  network, params = framework.network, problem.params
  once = network.finish(params, DATA.x[:30])
  twice = network.finish(once, DATA.x[:30])
  for a, b in zip(framework.kept(once), framework.kept(twice), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-5)
  seen = _inputs_of_norm(framework, params, DATA.x[:30])
  np.testing.assert_allclose(framework.kept(once)[0], seen.mean(0), rtol=1e-4, atol=1e-5)
  for a, b in zip(framework.first(once), framework.first(params), strict=True):
    np.testing.assert_array_equal(a, b)


def test_training_drops_by_its_key_and_changes_nothing_that_it_is_given(problem, run):
  before = jax.tree.map(np.asarray, trainable.floats(problem.params)), _others(problem.params)
  (logits, new), (same, _), (other, _) = (
      run(problem.params, DATA.x[:20], jax.random.key(seed)) for seed in (1, 1, 2))
  np.testing.assert_array_equal(logits, same)
  assert np.abs(np.asarray(logits) - np.asarray(other)).max() > .1
  assert jax.tree.structure(new) == jax.tree.structure(problem.params)
  problem.network.fn(problem.params, DATA.x[:20])
  after = jax.tree.map(np.asarray, trainable.floats(problem.params)), _others(problem.params)
  jax.tree.map(np.testing.assert_array_equal, before, after)


def _others(params) -> dict[str, Any]:
  """The leaves that are no floats, as numbers."""
  found = {}
  for path, leaf in jax.tree_util.tree_leaves_with_path(params):
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
      leaf = jax.random.key_data(leaf)
    if not jnp.issubdtype(leaf.dtype, jnp.floating):
      found[jax.tree_util.keystr(path)] = np.asarray(leaf)
  return found


DAILY_ONE = pytest.mark.parametrize('framework', [
    pytest.param(name, marks=() if name == 'nnx' else pytest.mark.slow)
    for name in FRAMEWORKS], indirect=True)


@DAILY_ONE
def test_a_class_is_forgotten_and_nothing_moves_but_weights(framework, problem):
  method = methods.unsc(null_space.pooled(.6), optax.adam(1e-2), steps=60, batch_size=20)
  done = method(problem, KEY)
  gone = TEST.where(TEST.y == 2)
  assert _right(framework, done.params, gone) < .1
  assert _right(framework, done.params, TEST.where(TEST.y != 2)) > .9
  jax.tree.map(np.testing.assert_array_equal, _others(done.params), _others(problem.params))
  for a, b in zip(framework.kept(done.params), framework.kept(problem.params), strict=True):
    np.testing.assert_array_equal(a, b)


@DAILY_ONE
def test_it_is_retrained_with_statistics_of_what_remains(framework, problem):
  done = methods.retrain(RECIPE)(problem, jax.random.key(3))
  seen = _inputs_of_norm(framework, done.params, problem.retain.x)
  np.testing.assert_allclose(
      framework.kept(done.params)[0], seen.mean(0), rtol=1e-4, atol=1e-5)
  assert _right(framework, done.params, TEST.where(TEST.y != 2)) > .9
  assert _right(framework, done.params, TEST.where(TEST.y == 2)) < .2


def test_further_training_goes_on_from_the_new_statistics(framework, problem, run):
  """One step's statistics are the momentum's mixture of the new ones and the batch's."""
  few = DATA.x[:20]
  _, after = run(problem.params, few, KEY)
  old, new = framework.kept(problem.params)[0], framework.kept(after)[0]
  batch = _inputs_of_norm(framework, problem.params, few).mean(0)
  share = np.dot(new - old, batch - old) / np.dot(batch - old, batch - old)
  assert 1 - MOMENTUM - .01 < share < .2  # some divide by what they have seen so far


def test_random_states_of_nnx_stay_as_they_are():
  network = models.from_nnx(NNX)
  params = network.init(KEY)
  before = _others(params)
  assert any('count' in name for name in before)
  _, after = jax.jit(network.train_fn)(params, DATA.x[:20], KEY)
  jax.tree.map(np.testing.assert_array_equal, _others(after), before)


@pytest.mark.slow
def test_several_are_retrained_side_by_side(framework, problem):
  """As `evaluate` does for references: under vmap, with statistics of what remains."""
  trained = ensembles.train(problem, RECIPE, KEY, originals=0, retrained=2)
  for one in ensembles.members(problem, trained.retrained):
    seen = _inputs_of_norm(framework, one.params, problem.retain.x)
    np.testing.assert_allclose(
        framework.kept(one.params)[0], seen.mean(0), rtol=1e-4, atol=1e-5)
    assert _right(framework, one.params, TEST.where(TEST.y != 2)) > .9


def test_a_part_of_batch_stat_that_is_no_batch_norms_is_refused():
  class Odd(nnx.Module):
    def __init__(self, rngs):
      self.head = nnx.Linear(6, 3, rngs=rngs)
      self.seen = nnx.BatchStat(jnp.zeros(3))

    def __call__(self, x):
      return self.head(x)

  network = models.from_nnx(lambda rngs: Odd(rngs))
  with pytest.raises(ValueError, match="'seen' belong to no flax.nnx.BatchNorm"):
    network.finish(network.init(KEY), DATA.x)


def test_modules_without_state_need_none():
  plain = models.from_equinox(lambda key: eqx.nn.MLP(6, 3, 8, 1, key=key))
  params = plain.init(KEY)
  assert plain.finish(params, DATA.x) is params
  logits, same = plain.train_fn(params, DATA.x, KEY)
  np.testing.assert_allclose(
      logits, jax.vmap(eqx.nn.MLP(6, 3, 8, 1, key=KEY))(DATA.x), rtol=1e-5)
  assert same is params


def test_a_linen_module_may_hold_a_list():
  """It cannot be hashed, and its `init` was compiled by its hash."""
  network, same = (models.from_linen(models.MLP(3, hidden), (6,)) for hidden in ([5], (5,)))
  leaves = [jax.tree.leaves(one.init(KEY)) for one in (network, same)]
  for mine, theirs in zip(*leaves, strict=True):
    np.testing.assert_array_equal(mine, theirs)
  assert same.init == models.from_linen(models.MLP(3, (5,)), [6]).init  # one program


@pytest.mark.parametrize(('package', 'use', 'install'), [
    ('equinox', lambda: models.from_equinox(lambda key: None), 'pip install equinox'),
    ('haiku', lambda: models.from_haiku(haiku, (6,)), 'pip install dm-haiku')])
def test_what_is_not_installed_is_named(package, use, install, monkeypatch):
  monkeypatch.setitem(sys.modules, package, None)
  with pytest.raises(ImportError, match=install):
    use()
