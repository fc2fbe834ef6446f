"""Functions are equal where they compute the same, and never where they may not."""

import copy
import dataclasses
import functools
import pickle

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from unsc_jax import closures
from unsc_jax import models
from unsc_jax import problem as problem_lib
from unsc_jax.parts import objectives

RUN = jax.jit(lambda fn, *args: fn(*args), static_argnums=0)


def _same(make, *others):
  """Whether what is made twice is one static argument, or what two makers make."""
  a, b = (closures.by_content(one()) for one in (make, *(others or (make,))))
  assert (hash(a) == hash(b)) or a != b
  return a == b


OPTIMISERS = {
    'sgd': lambda: optax.sgd(.1, momentum=.9),
    'adam': lambda: optax.adam(1e-3),
    'adamw': lambda: optax.adamw(1e-3, mask=None),
    'bfloat16': lambda: optax.adam(1e-3, mu_dtype=jnp.bfloat16),
    'schedule': lambda: optax.sgd(optax.cosine_decay_schedule(.1, 10)),
    'chain': lambda: optax.chain(optax.clip_by_global_norm(1.), optax.lion(1e-3)),
}


@pytest.mark.parametrize('name', OPTIMISERS)
def test_an_optimiser_made_again_is_the_same(name):
  assert _same(lambda: OPTIMISERS[name]().update)
  assert _same(lambda: OPTIMISERS[name]().init)


def test_any_setting_of_an_optimiser_tells_it_apart():
  others = [
      optax.adam(1e-3), optax.adam(2e-3), optax.adam(1e-3, b1=.8), optax.adam(1e-3, eps=1e-7),
      optax.adam(1e-3, nesterov=True), optax.adam(1e-3, mu_dtype=jnp.bfloat16),
      optax.adam(optax.constant_schedule(1e-3)), optax.adam(optax.constant_schedule(2e-3)),
      optax.sgd(1e-3), optax.sgd(1e-3, momentum=.9), optax.sgd(1e-3, momentum=.9, nesterov=True),
      optax.chain(optax.sgd(1e-3)), optax.chain(optax.sgd(1e-3), optax.sgd(1e-3))]
  found = {closures.by_content(optimizer.update) for optimizer in others}
  # A chain of one does what its only link does, but is not the same function.
  assert len(found) == len(others)


def _holding(value):
  """A function of an installed package that holds the value."""
  return optax.constant_schedule(value)


@pytest.mark.parametrize(('a', 'b'), [
    (1, 2), (1, 1.), (True, 1), (0., -0.), (1, '1'), ((1, 2), (1, 2, 3)), ((1,), ((1,),)),
    (np.float32(1), 1.), (np.float32(0), np.float32(-0.)), (jnp.add, jnp.subtract),
    (jnp.float32, np.float32), (objectives.scaled(optax.l2_loss, 1.),
                                objectives.scaled(optax.l2_loss, 2.)), (None, False),
])
def test_a_value_that_it_holds_tells_it_apart(a, b):
  assert not _same(lambda: _holding(a), lambda: _holding(b))
  assert _same(lambda: _holding(a))
  assert _same(lambda: _holding(b))


def test_not_a_number_is_the_same_setting_again():
  assert _same(lambda: _holding(float('nan')))


class _Loose:
  """May be changed from outside."""
  heat = 1.

  def __call__(self, x):
    return x * self.heat


@dataclasses.dataclass(frozen=True)
class _Own:
  """Immutable, but its code may read what is not."""
  by: float = 1.

  def __call__(self, x):
    return self.by * x


LOOSE = _Loose()


def _read():
  return lambda x: x * LOOSE.heat


CANNOT_BE_KNOWN = {
    'numpy': lambda: _holding(np.ones(2)),
    'jax': lambda: _holding(jnp.ones(2)),
    'list': lambda: _holding([]),
    'dict': lambda: _holding({}),
    'within a tuple': lambda: _holding((1, [2])),
    'iterator': lambda: _holding(iter(())),
    'object': lambda: _holding(LOOSE),
    'class': lambda: _holding(_Loose),
    'method': lambda: _holding(LOOSE.__call__),
    'method of a builtin': lambda: _holding({}.get),
    'dataclass': lambda: _holding(_Own()),
    "user's function": lambda: _holding(_read),
    "user's function, jitted": lambda: _holding(jax.jit(_read())),
    "user's function, with rules": lambda: _holding(jax.custom_jvp(_read())),
    "user's function, cached": lambda: _holding(functools.cache(_read())),
    'partial of one': lambda: functools.partial(_read, 1),
    'named as an installed one': lambda: functools.wraps(optax.l2_loss)(_read()),
    'random key': lambda: _holding(jax.random.key(0)),
    'recursion too deep': lambda: functools.reduce(
        lambda inner, _: functools.partial(optax.constant_schedule, inner), range(2000), 1),
}


@pytest.mark.parametrize('name', CANNOT_BE_KNOWN)
def test_what_may_change_equals_only_itself(name):
  fn = CANNOT_BE_KNOWN[name]()
  assert closures.by_content(fn) is fn
  assert not _same(CANNOT_BE_KNOWN[name])


def test_a_name_that_is_set_anew_is_seen_by_a_function_made_anew(monkeypatch):
  """As in a notebook: `HEAT = 2`, and the cell that makes the loss run once more."""
  run = lambda: float(RUN(closures.by_content(_read()), 1.))
  assert run() == 1.
  monkeypatch.setattr(LOOSE, 'heat', 2.)
  assert run() == 2.


def test_arguments_of_a_partial_count():
  by = lambda n, **named: lambda: functools.partial(jnp.clip, n, **named)
  assert _same(by(1, max=2))
  assert not _same(by(1, max=2), by(2, max=2))
  assert not _same(by(1, max=2), by(1, max=3))
  assert not _same(by(1, max=2), by(1, min=2))


def test_what_is_derived_of_a_function_is_another():
  """`jax.grad`, `jax.vmap` and `functools.wraps` copy what is noted on a function."""
  schedule = closures.by_content(optax.exponential_decay(1., 10, .5))
  assert RUN(schedule, 2.) == pytest.approx(.5**.2)
  assert RUN(closures.by_content(jax.grad(schedule)), 2.) == pytest.approx(
      .5**.2 * np.log(.5) / 10)

  @functools.wraps(schedule)
  def masked(count):
    return 0 * schedule(count)

  assert RUN(closures.by_content(masked), 2.) == 0


def test_it_is_called_looks_is_copied_and_stored_like_the_function():
  original = optax.constant_schedule(.5)
  fn = closures.by_content(original)
  assert fn is not original
  assert (fn(3), fn.__name__, fn.__doc__) == (.5, original.__name__, original.__doc__)
  assert repr(fn) == repr(original)
  assert copy.deepcopy(fn) == fn
  partial = closures.by_content(functools.partial(optax.l2_loss, 1.))
  assert pickle.loads(pickle.dumps(partial))(3.) == partial(3.)


class _Mine(nn.Module):
  @nn.compact
  def __call__(self, x, train=False):
    return nn.Dense(3)(x)


def test_networks_of_equal_modules_of_the_library_are_one():
  make = lambda module: models.from_linen(module, (8, 8, 1))
  small = lambda n: make(models.SmallCNN(features=(2, n), num_classes=3))
  assert small(3) == small(3) != small(4)
  assert hash(small(3)) == hash(small(3))
  assert small(3).training == small(3).training
  assert make(_Mine()) != make(_Mine())  # whose class may read what is not as it was


def test_a_network_of_ones_own_keeps_its_functions():
  fn = lambda params, x: x @ params
  network = problem_lib.Network(fn)
  assert network.fn is fn
  assert network.training == problem_lib.Network(fn).training  # made at every look
  value, params = network.training(np.eye(2), np.ones((3, 2)), None)
  np.testing.assert_array_equal(value, np.ones((3, 2)))
  np.testing.assert_array_equal(params, np.eye(2))
