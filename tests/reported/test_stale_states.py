"""A folder of states brings back what was asked for, or says what is other.

Every case was run twice in one folder with a thing changed in between. The second run
either is told apart by that thing's name or refused because nothing can see into it; the
right value is always the second run's own, which a stale state is not.
"""

import dataclasses
import functools
import itertools
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from unsc_jax import null_space
from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import storage
from unsc_jax import training
from unsc_jax.parts import objectives
from unsc_jax.parts import retained
from unsc_jax.parts import schedules
from unsc_jax.parts import stopping

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4)).astype(np.float32)
Y = np.arange(12) % 3
PARAMS = {'w': RNG.normal(size=(4, 3)).astype(np.float32)}
KEY = jax.random.key(0)


def _linear(params, x):
  return x @ params['w']


def _problem(folder, fn=_linear):
  return problem_lib.Problem(
      problem_lib.Network(fn), PARAMS,
      *problem_lib.split_classes(problem_lib.Examples(X, Y), [2]), 3, (2,),
      session=session_lib.Session(checkpoint=storage.Checkpoint(folder)))


def _squared(weight):
  def loss(params, batch, key, *given):
    del key
    return weight * jnp.mean((batch @ params['w'] - sum(given)) ** 2), params
  return loss


@jax.custom_vjp
def _reversed(x):
  return x


_reversed.defvjp(lambda x: (x, None), lambda _, g: (-g,))


def _backwards(params, batch, key, *given):
  return _squared(1.)(jax.tree.map(_reversed, params), batch, key, *given)


def _halving(step):
  return .1 * .5 ** step


def _constant(step):
  return .1


def _fit(folder, *, optimizer=None, loss=None, params=PARAMS, given=(0.,), x=X, steps=2):
  return training.fit(
      loss or _squared(1.), optimizer or optax.sgd(.1), params, itertools.repeat(x),
      steps=steps, key=KEY, given=tuple(map(jnp.asarray, given)),
      session=session_lib.Session(checkpoint=storage.Checkpoint(folder))).params


@pytest.mark.parametrize(('name', 'changes'), [
    ('optimizer', {'optimizer': optax.sgd(.2)}),
    ('optimizer', {'optimizer': optax.sgd(_halving)}),
    ('optimizer', {'optimizer': optax.chain(optax.add_decayed_weights(.1), optax.sgd(.1))}),
    ('optimizer', {'optimizer': optax.adam(.1)}),
    ('loss', {'loss': _squared(2.)}),
    ('loss', {'loss': _backwards}),  # another gradient alone
    ('given', {'given': (1.,)}),
    ('first batch', {'x': X + 1}),
    ('parameters', {'params': {'w': PARAMS['w'] + 1}}),
    ('steps', {'steps': 3}),
])
def test_another_step_is_refused_by_name(name, changes, tmp_path):
  _fit(tmp_path)
  with pytest.raises(ValueError, match=f'of another run, with another .*{name}'):
    _fit(tmp_path, **changes)


def test_another_injected_rate_is_refused(tmp_path):
  """It is no part of the program but of the optimiser's state."""
  adam = optax.inject_hyperparams(optax.adam)
  _fit(tmp_path, optimizer=adam(learning_rate=.1))
  with pytest.raises(ValueError, match='with another state: remove'):
    _fit(tmp_path, optimizer=adam(learning_rate=.2))


def test_the_same_step_of_other_objects_is_found(tmp_path):
  """Closures made anew are the same step, and so is a constant rate by a schedule."""
  first = _fit(tmp_path, optimizer=optax.sgd(.1), loss=_squared(1.))
  np.testing.assert_array_equal(
      _fit(tmp_path, optimizer=optax.sgd(.1), loss=_squared(1.))['w'], first['w'])


def _forget(folder, *, schedule=None, watch=None):
  return parts.compose(
      objective=objectives.objective(forget=objectives.cross_entropy),
      transform=optax.sgd(.1), schedule=schedule or schedules.forget_only(2, 2),
      watch=watch)(_problem(folder), KEY)


def _few(forget, retain, key):
  return schedules.forget_only(2, 2)(forget, retain, key)


@pytest.mark.parametrize(('name', 'first', 'second'), [
    ('run.schedule.batch_size', {}, {'schedule': schedules.forget_only(2, 3)}),
    ('run.schedule', {}, {'schedule': _few}),
    ('run.watch', {}, {'watch': stopping.until_forgotten(.5)}),
    ('run.watch.below', {'watch': stopping.until_forgotten(.1)},
     {'watch': stopping.until_forgotten(.5)}),
])
def test_another_schedule_or_stop_is_refused_by_name(name, first, second, tmp_path):
  _forget(tmp_path, **first)
  with pytest.raises(ValueError, match=f'with another .*{name}'):
    _forget(tmp_path, **second)


def test_a_schedule_that_cannot_be_seen_into_is_refused(tmp_path):
  with pytest.raises(TypeError, match='pass a frozen dataclass with fields instead'):
    _forget(tmp_path, schedule=lambda *args: _few(*args))
  assert not list(tmp_path.rglob('record'))


# Rules for the rank.

LEAST = 1.


@dataclasses.dataclass(frozen=True)
class above:
  """Keeps the directions whose eigenvalue is larger."""
  least: float

  def __call__(self, values):
    return (values > self.least).sum(-1)

  def rank(self, values):
    return self(values)


class Plain:
  """The same, and says nothing of what it holds."""

  def __init__(self, least):
    self.least = least

  def __call__(self, values):
    return (values > self.least).sum(-1)

  def rank(self, values):
    return self(values)


def larger(values, least):
  return (values > least).sum(-1)


def swapped(least, values):
  return (values > least).sum(-1)


def by_default(values, least=1.):
  return (values > least).sum(-1)


def by_keyword(values, *, least=1.):
  return (values > least).sum(-1)


def by_global(values):
  return (values > LEAST).sum(-1)


def by_helper(values):
  return by_global(values)


def by_code(values):
  return (values > 1.).sum(-1)


def edited(values):
  return (values > .01).sum(-1)


HERE = sys.modules[__name__]
NOTHING = lambda monkeypatch: None
TOLD = {  # both rules, and what is edited in between
    'float': (.5, .99, NOTHING),
    'numpy scalar': (np.float32(.5), np.float32(.99), NOTHING),
    'jax scalar': (jnp.float32(.5), jnp.float32(.99), NOTHING),
    'dataclass': (above(1.), above(.01), NOTHING),
    'dataclass of jax scalar': (above(jnp.float32(1.)), above(jnp.float32(.01)), NOTHING),
    'method of a dataclass': (above(1.).rank, above(.01).rank, NOTHING),
    'partial by keyword': (functools.partial(larger, least=1.),
                           functools.partial(larger, least=.01), NOTHING),
    'partial by position': (functools.partial(swapped, 1.),
                            functools.partial(swapped, .01), NOTHING),
    'default': (by_default, by_default,
                lambda m: m.setattr(by_default, '__defaults__', (.01,))),
    'default of a keyword': (by_keyword, by_keyword,
                             lambda m: m.setitem(by_keyword.__kwdefaults__, 'least', .01)),
    'value of the module': (by_global, by_global, lambda m: m.setattr(HERE, 'LEAST', .01)),
    'value that a helper reads': (by_helper, by_helper,
                                  lambda m: m.setattr(HERE, 'LEAST', .01)),
    'code': (by_code, by_code,
             lambda m: m.setattr(by_code, '__code__', edited.__code__)),
}


@pytest.mark.parametrize('way', TOLD)
def test_another_rule_is_refused_by_name(way, tmp_path, monkeypatch):
  one, other, edit = TOLD[way]
  bases = lambda rule: retained.bases(_problem(tmp_path), null_space.pooled(rule), 4)[0]
  kept = bases(one)
  np.testing.assert_array_equal(bases(one)['w'].rank, kept['w'].rank)
  edit(monkeypatch)
  with pytest.raises(ValueError, match='the bases of another run, with another combine.*energy'):
    bases(other)


@pytest.mark.parametrize('rule', [
    lambda values: (values > 1.).sum(-1), Plain(1.), Plain(1.).rank,
    functools.partial(lambda values, least: (values > least).sum(-1), least=1.)],
    ids=['lambda', 'object', 'method', 'partial'])
def test_a_rule_that_cannot_be_seen_into_is_refused(rule, tmp_path):
  with pytest.raises(TypeError, match='pass a frozen dataclass with fields instead'):
    retained.bases(_problem(tmp_path), null_space.pooled(rule), 4)
  assert not list(tmp_path.rglob('*.npz'))


def test_bases_of_another_network_are_refused(tmp_path):
  """Of the same parameters, so that only what is computed with them tells."""
  retained.bases(_problem(tmp_path), null_space.pooled(.9), 4)
  wider = lambda params, x: jnp.square(x) @ params['w']
  with pytest.raises(ValueError, match='with another network: remove'):
    retained.bases(_problem(tmp_path, wider), null_space.pooled(.9), 4)


def test_both_sides_read_the_gradient_as_well(tmp_path):
  """Of the same answers, by another rule for what leads to them."""
  @jax.custom_vjp
  def twice(x, scale):
    del scale
    return 2 * x

  twice.defvjp(lambda x, scale: (2 * x, scale), lambda scale, g: (scale * g, 0.))
  fn = lambda scale: lambda params, x: twice(x @ params['w'], scale)
  choice = null_space.pooled(null_space.two_sided(null_space.soft(.1), null_space.soft(.1)))
  retained.bases(_problem(tmp_path, fn(2.)), choice, 4)
  retained.bases(_problem(tmp_path, fn(2.)), choice, 4)
  with pytest.raises(ValueError, match='with another network: remove'):
    retained.bases(_problem(tmp_path, fn(3.)), choice, 4)


def test_data_are_hashed_once_a_problem(tmp_path, monkeypatch):
  problem, hashed = _problem(tmp_path), []
  fingerprint = storage.fingerprint
  monkeypatch.setattr(storage, 'fingerprint', lambda tree: (
      hashed.append(any(leaf is problem.retain.x for leaf in jax.tree.leaves(tree)))
      or fingerprint(tree)))
  first = problem.identity()
  assert problem.identity() == first
  assert sum(hashed) == 1
