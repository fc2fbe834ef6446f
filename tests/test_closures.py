"""Functions are equal where they compute the same, and never where they may not."""

import functools
import sys
import types

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


def _countdown(step):
  def down(x):
    return x if x < 1 else down(x - step)
  return down


def test_a_function_that_calls_itself_is_told_by_what_it_holds():
  assert _equal(_countdown, 1)
  assert closures.ByContent(_countdown(1)) != closures.ByContent(_countdown(2))


def test_while_a_name_is_not_bound_a_function_is_only_itself():
  def make():
    fn = closures.ByContent(lambda x: x + later)
    hash(fn)
    later = 1
    return fn

  assert make() != make()


def test_a_name_that_is_bound_later_is_what_it_is_when_the_function_is_traced():
  """As Python has it: not what it was when the function was handed over."""
  run = jax.jit(lambda fn, x: fn(x), static_argnums=0)

  def late(value):
    n = 0
    fn = closures.ByContent(lambda x: x + n)
    n = value
    return run(fn, 1)

  assert (late(1), late(2), late(1)) == (2, 3, 2)


def _notebook(*cells, seen=None):
  """What `make` is after these cells, one after the other in one module."""
  scope = {'__name__': '__main__'} if seen is None else seen
  for cell in cells:
    exec(cell, scope)  # as a notebook runs a cell
  return scope


MAKE = 'def make():\n  return lambda x: x * HEAT'
THROUGH_A_FUNCTION = 'def heated(x): return x * HEAT\ndef make(): return lambda x: heated(x)'
OF_A_CLASS = ('import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass Heated:\n'
              '  by: float = 1.\n  def __call__(self, x): return self.by * x * HEAT\n'
              'def make(heated=Heated()):\n  return lambda x: heated(x)')


@pytest.mark.parametrize('make', [MAKE, THROUGH_A_FUNCTION, OF_A_CLASS],
                         ids=['itself', 'through a function', 'through a class'])
def test_a_name_of_the_module_that_is_set_anew_tells_it_apart(make):
  """A notebook sets `HEAT = 2`, and runs the cell that makes the loss once more."""
  here = _notebook('HEAT = 1', make)
  cold, again = closures.ByContent(here['make']()), closures.ByContent(here['make']())
  assert (hash(cold), cold) == (hash(again), again)
  _notebook('HEAT = 2', seen=here)
  warm = closures.ByContent(here['make']())
  assert warm != cold
  run = jax.jit(lambda fn, x: fn(x), static_argnums=0)
  assert (run(cold, 1), run(warm, 1)) == (2, 2)  # both read it now, as in Python
  _notebook('HEAT = 3', seen=here)
  assert run(closures.ByContent(here['make']()), 1) == 3


def test_a_module_of_ones_own_is_looked_into_and_an_installed_one_is_not(monkeypatch):
  own = types.ModuleType('own')
  own.HEAT = 1
  monkeypatch.setitem(sys.modules, 'own', own)
  here = _notebook('import own', 'def make():\n  return lambda x: x * own.HEAT')
  cold = closures.ByContent(here['make']())
  assert cold == closures.ByContent(here['make']())
  own.HEAT = 2
  assert cold != closures.ByContent(here['make']())
  assert closures.installed(jnp.__name__)
  assert not closures.installed(__name__)


def test_what_a_module_holds_that_can_change_makes_it_only_itself():
  here = _notebook('SEEN = []', 'def make():\n  return lambda x: SEEN.append(x)')
  assert closures.ByContent(here['make']()) != closures.ByContent(here['make']())


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
