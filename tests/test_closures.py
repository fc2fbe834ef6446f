"""Functions are equal where they compute the same, and never where they may not."""

import functools

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from unsc_jax import closures
from unsc_jax import models


def _equal(make, *args, **kwargs):
  a, b = (closures.ByContent(make(*args, **kwargs)) for _ in range(2))
  assert (hash(a) == hash(b)) or a != b
  return a == b


def _adds(n):
  return lambda x: x + n


OPTIMISERS = {
    'sgd': lambda: optax.sgd(.1, momentum=.9),
    'adam': lambda: optax.adam(1e-3),
    'adamw': lambda: optax.adamw(1e-3),
    'schedule': lambda: optax.sgd(optax.cosine_decay_schedule(.1, 10)),
    'chain': lambda: optax.chain(optax.clip_by_global_norm(1.), optax.lion(1e-3)),
}


@pytest.mark.parametrize('name', OPTIMISERS)
def test_an_optimiser_made_again_is_the_same(name):
  assert _equal(lambda: OPTIMISERS[name]().update)
  assert _equal(lambda: OPTIMISERS[name]().init)


def test_any_setting_of_an_optimiser_tells_it_apart():
  others = [
      optax.adam(1e-3), optax.adam(2e-3), optax.adam(1e-3, b1=.8), optax.adam(1e-3, eps=1e-7),
      optax.adam(1e-3, nesterov=True), optax.adam(1e-3, mu_dtype=jnp.bfloat16),
      optax.adam(optax.constant_schedule(1e-3)), optax.adam(optax.constant_schedule(2e-3)),
      optax.sgd(1e-3), optax.sgd(1e-3, momentum=.9), optax.sgd(1e-3, momentum=.9, nesterov=True),
      optax.chain(optax.sgd(1e-3)), optax.chain(optax.sgd(1e-3), optax.sgd(1e-3))]
  found = {closures.ByContent(optimizer.update) for optimizer in others}
  # A chain of one does what its only link does, but is not the same function.
  assert len(found) == len(others)


@pytest.mark.parametrize(('a', 'b'), [
    (1, 2), (1, 1.), (True, 1), (0., -0.), (1, '1'), ((1, 2), (1, 2, 3)), ((1,), ((1,),)),
    (np.float32(1), 1.), (jnp.add, jnp.subtract), (_adds(1), _adds(2)), (None, False),
])
def test_a_value_that_it_holds_tells_it_apart(a, b):
  assert closures.ByContent(_adds(a)) != closures.ByContent(_adds(b))
  assert _equal(_adds, a)
  assert _equal(_adds, b)


def test_not_a_number_is_the_same_setting_again():
  assert _equal(lambda: _adds(float('nan')))


@pytest.mark.parametrize('make', [
    lambda: _adds(np.ones(2)), lambda: _adds(jnp.ones(2)), lambda: _adds([]), lambda: _adds({}),
    lambda: _adds((1, [2])), lambda: functools.partial(_adds, [1]), lambda: _adds(iter(())),
], ids=['numpy', 'jax', 'list', 'dict', 'within a tuple', 'partial', 'iterator'])
def test_what_can_change_equals_only_itself(make):
  fn = make()
  assert not _equal(make)
  assert closures.ByContent(fn) == closures.ByContent(fn)
  assert len({closures.ByContent(fn), closures.ByContent(fn)}) == 1


def test_defaults_and_arguments_by_name_count():
  by_default = lambda n: lambda x, n=n: x + n
  by_name = lambda n: lambda x, *, n=n: x + n
  partial = lambda n: functools.partial(jnp.add, n)
  for make in (by_default, by_name, partial):
    assert _equal(make, 1)
    assert closures.ByContent(make(1)) != closures.ByContent(make(2))


def test_functions_of_other_code_are_others():
  assert closures.ByContent(lambda x: x + 1) != closures.ByContent(lambda x: x - 1)


def test_a_function_that_calls_itself_and_one_of_names_unbound_are_only_themselves():
  def recursive():
    def down(x):
      return x if x < 1 else down(x - 1)
    return down

  def unbound():
    fn = lambda x: x + later
    made.append(closures.ByContent(fn))
    hash(made[-1])
    later = len(made)
    return fn

  made = []
  assert not _equal(recursive)
  assert unbound()
  assert unbound()
  assert made[0] != made[1]


def test_a_name_that_is_bound_later_is_what_it_is_when_the_function_is_traced():
  """As Python has it: not what it was when the function was handed over."""
  run = jax.jit(lambda fn, x: fn(x), static_argnums=0)

  def late(value):
    n = 0
    fn = closures.ByContent(lambda x: x + n)
    n = value
    return run(fn, 1)

  assert (late(1), late(2), late(1)) == (2, 3, 2)


def test_it_is_called_and_looks_like_the_function():
  def named(x, n=2):
    """Says what it does."""
    return x * n

  fn = closures.ByContent(named)
  assert fn(3) == 6
  assert fn(3, n=3) == 9
  assert (fn.__name__, fn.__doc__, repr(fn)) == (named.__name__, named.__doc__, repr(named))


class _Scaled(nn.Module):
  by: float = 2.

  @nn.compact
  def __call__(self, x, train=False):
    return self.by * nn.Dense(3)(x)


def test_networks_of_equal_modules_are_one_and_share_their_programs():
  make = lambda by: models.from_linen(_Scaled(by), (4,))
  assert make(2.) == make(2.) != make(3.)
  params, x = make(2.).init(jax.random.key(0)), np.ones((5, 4), np.float32)
  traced = []
  run = jax.jit(lambda fn, *args: traced.append(fn) or fn(*args), static_argnums=0)
  twice, thrice = (np.asarray(run(make(by).fn, params, x)) for by in (2., 3.))
  np.testing.assert_allclose(3 * twice, 2 * thrice, rtol=1e-5)
  run(make(2.).fn, params, x)
  assert len(traced) == 2
