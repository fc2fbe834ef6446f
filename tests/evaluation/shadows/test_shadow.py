"""Shadow models: what each was trained on, and that one is like any other."""

import dataclasses

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from unsc_jax import methods
from unsc_jax import models
from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import sharding
from unsc_jax import storage
from unsc_jax import training
from unsc_jax.evaluation.shadows import shadow

KEY = jax.random.key(0)
RECIPE = training.Recipe(lambda steps: optax.sgd(.1), epochs=2, batch_size=4)
NETWORK = problem_lib.Network(
    lambda params, x: x @ params['w'], lambda key: {'w': jnp.zeros((3, 2))})


def _data(n=24, seed=0):
  rng = np.random.default_rng(seed)
  return problem_lib.Examples(
      rng.normal(size=(n, 3)).astype(np.float32), rng.integers(0, 2, n))


def test_a_member_sees_its_own_examples_and_no_other():
  """A poisoned example leaves its mark on those alone that include it."""
  data = _data()
  included = shadow.halves(6, len(data), seed=1)
  train = lambda data: np.asarray(
      shadow.train(NETWORK, data, included, RECIPE, KEY).params['w'])
  poisoned = data.x.copy()
  poisoned[5] += 7
  moved = np.abs(train(data.replace(x=poisoned)) - train(data)).max((1, 2)) > 1e-4
  np.testing.assert_array_equal(moved, included[:, 5])
  assert 0 < moved.sum() < 6


def test_one_full_batch_member_is_gradient_descent():
  data = _data()
  recipe = training.Recipe(lambda steps: optax.sgd(.5), epochs=25, batch_size=10)
  included = np.zeros((2, len(data)), bool)
  included[0, :10] = included[1, 10:20] = True
  shadows = shadow.train(NETWORK, data, included, recipe, KEY)
  for w, mine in zip(np.asarray(shadows.params['w']), included, strict=True):
    x, y = data.x[mine].astype(np.float64), data.y[mine]
    want = np.zeros((3, 2))
    for _ in range(25):
      p = np.exp(x @ want)
      want -= .5 * x.T @ (p / p.sum(1, keepdims=True) - np.eye(2)[y]) / 10
    np.testing.assert_allclose(w, want, atol=1e-5)
  assert shadows.losses.shape == (2, 25)


def test_the_order_is_an_epoch_of_every_own_example():
  included = shadow.halves(4, 32, seed=0)
  included[:, :8] = included[:, 8:16] = True  # all members have 16 and more
  batches = np.concatenate([next_ for next_, _ in zip(
      shadow.batches_of_each(included[:, :16], 4, seed=0), range(4))], 1)
  for row in batches:
    np.testing.assert_array_equal(np.sort(row), np.arange(16))
  assert len({tuple(row) for row in batches}) == 4


def test_members_are_split_over_devices():
  data = _data()
  included = np.ones((4, len(data)), bool)
  one, two = (shadow.train(NETWORK, data, included, RECIPE, KEY,
                           session=session_lib.Session(mesh)).params['w']
              for mesh in (None, sharding.data_mesh(2)))
  assert len(two.sharding.device_set) == 2
  np.testing.assert_allclose(one, two, atol=1e-6)


def test_every_member_of_a_convolutional_network_learns_and_forgets():
  """Trained, unlearned by a method and asked, with dropout left to the recipe."""
  y = np.arange(90) % 3
  x = np.random.default_rng(0).normal(size=(90, 4, 4, 1)).astype(np.float32)
  x[np.arange(90), y] += 2
  network = models.from_linen(
      models.SmallCNN(num_classes=3, features=(4,), hidden=8), (4, 4, 1))
  data = problem_lib.Examples(x, y)
  recipe = training.Recipe(lambda steps: optax.adam(1e-2), epochs=15, batch_size=30)
  params = shadow.train(network, data, np.ones((2, 90), bool), recipe, KEY).params
  says = shadow.predict(network.fn, params, x, batch_size=40)
  assert ((says.argmax(-1) == y).mean(1) > .8).all()
  np.testing.assert_allclose(
      says[1], network.fn(shadow.member(params, 1), x), atol=1e-4)
  assert np.abs(says[0] - says[1]).max() > .1
  retain, forget = problem_lib.split_classes(data, [2])
  problem = problem_lib.Problem(
      network, shadow.member(params, 0), retain, forget, 3, (2,))
  for method in (methods.head_only(), methods.random_label(
      optax.adam(1e-2), steps=30, batch_size=30)):
    gone = shadow.unlearn(method, problem, params, jax.random.key(1))
    said = shadow.outputs(gone, forget.x)
    assert said.shape == (2, 30, 3)
    assert (said.argmax(-1) == 2).mean() < .3
    np.testing.assert_allclose(
        said[1], gone[1].fn(gone[1].params, forget.x), rtol=1e-4, atol=1e-3)


class _Dropping(nnx.Module):
  """A network that keeps a random key among its leaves."""

  def __init__(self, rngs):
    self.drop, self.out = nnx.Dropout(.5, rngs=rngs), nnx.Linear(3, 2, rngs=rngs)

  def __call__(self, x):
    return self.out(self.drop(x))


def test_members_with_random_keys_are_asked():
  network = models.from_nnx(_Dropping)
  gone = [problem_lib.Unlearned(network.fn, network.init(jax.random.key(i)), {}, {})
          for i in range(2)]
  assert any(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
             for leaf in jax.tree.leaves(gone[0].params))
  x = _data().x
  np.testing.assert_allclose(
      shadow.outputs(gone, x), [network.fn(one.params, x) for one in gone], atol=1e-5)


def test_every_member_keeps_a_state_of_its_own(tmp_path):
  data = _data()
  params = {'w': jnp.asarray(np.random.default_rng(1).normal(size=(2, 3, 2)), jnp.float32)}
  problem = problem_lib.Problem(
      NETWORK, shadow.member(params, 0), data, data.where(data.y == 1), 2)
  method = methods.fine_tune(optax.sgd(.1), steps=3, batch_size=8)
  of = lambda problem: [
      u.params['w'] for u in shadow.unlearn(method, problem, params, KEY)]
  kept = dataclasses.replace(problem, session=session_lib.Session(
      checkpoint=storage.Checkpoint(tmp_path)))
  for _ in range(2):  # the second time, all is done
    np.testing.assert_array_equal(of(kept), of(problem))


def test_running_statistics_are_every_members_own():
  x = np.random.default_rng(0).normal(size=(40, 1)).astype(np.float32)
  x[20:] += 5
  network = dataclasses.replace(
      NETWORK, fn=lambda p, x: x @ p['w'], init=lambda key: {
          'w': jnp.ones((1, 2)), 'mean': jnp.zeros(1)},
      trainable=lambda path: path == 'w',
      finish=lambda p, x: {**p, 'mean': jnp.asarray(x.mean(0))})
  included = np.stack([np.arange(40) < 20, np.arange(40) >= 20])
  shadows = shadow.train(
      network, problem_lib.Examples(x, np.zeros(40, int)), included, RECIPE, KEY)
  np.testing.assert_allclose(
      shadows.params['mean'][:, 0], [x[:20].mean(), x[20:].mean()], rtol=1e-5)


@pytest.mark.parametrize(('included', 'words'), [
    (np.ones((2, 7), bool), r'\[members, 24\]'), (np.ones(24, bool), 'shape is'),
    (np.zeros((2, 24), bool), 'no example at all')])
def test_masks_that_do_not_fit_are_named(included, words):
  with pytest.raises(ValueError, match=words):
    shadow.train(NETWORK, _data(), included, RECIPE, KEY)


def test_odd_numbers_cannot_be_halved():
  with pytest.raises(ValueError, match='5 members cannot be halved'):
    shadow.halves(5, 10, seed=0)


def test_a_member_that_diverges_is_named():
  data = _data()
  data.x[3] = np.nan
  included = np.ones((4, 24), bool)
  included[:2, 3] = False
  with pytest.raises(FloatingPointError, match='loss of member 2 is no number'):
    shadow.train(NETWORK, data, included, RECIPE, KEY)


def test_members_are_trained_on_what_the_recipe_augments():
  recipe = dataclasses.replace(RECIPE, augment=lambda key, x: 0 * x)
  data = _data()
  included = shadow.halves(2, len(data), seed=1)
  of = lambda recipe: np.asarray(shadow.train(NETWORK, data, included, recipe, KEY).params['w'])
  assert np.abs(of(RECIPE)).min() > 0  # from zeros
  np.testing.assert_array_equal(of(recipe), 0)
