"""Runs that begin alike and differ later are told apart by what comes later.

Every case was run twice in one folder, with a choice changed that the first step does not
show: the second run was given the first one's parameters.
"""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from unsc_jax import methods
from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import storage
from unsc_jax import training
from unsc_jax.parts import objectives
from unsc_jax.parts import schedules
from unsc_jax.parts import stopping

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4)).astype(np.float32)
Y = np.arange(12) % 3
PARAMS = {'w': RNG.normal(size=(4, 3)).astype(np.float32)}
KEY = jax.random.key(0)


def _problem(folder, classes=(2,)):
  examples = problem_lib.Examples(X, Y)
  retain, forget = problem_lib.split_classes(examples, [2])
  return problem_lib.Problem(
      problem_lib.Network(lambda params, x: x @ params['w'], init=lambda key: PARAMS),
      PARAMS, retain, forget, 3, classes, held_out=forget,
      session=session_lib.Session(checkpoint=storage.Checkpoint(folder)))


def _squared(params, batch, key, given):
  del key
  return jnp.mean((batch @ params['w'] - given) ** 2), params


@dataclasses.dataclass(frozen=True)
class pulling:
  """The parameters, from the second time on times a number."""
  factor: float

  def __call__(self, params):
    return (params['w'].sum() * jnp.where((params['w'] == PARAMS['w']).all(), 1, self.factor),)


def _given(folder, given, steps=4):
  return training.fit(
      _squared, optax.sgd(.1), PARAMS, itertools.repeat(X), steps=steps, key=KEY,
      given=given,
      session=session_lib.Session(checkpoint=storage.Checkpoint(folder, every=2))).params['w']


def _by_closure(factor):
  return lambda params: pulling(factor)(params)


FOLLOWING = {
    'schedule': (lambda v: training.Scheduled(optax.cosine_decay_schedule(.1, v)), 4, 5),
    'last step of a schedule': (
        lambda v: training.Scheduled(lambda step: v if step == 3 else 1.), 1., 2.),
    'dataclass': (lambda v: training.Refresh(2, pulling(v)), .5, .9),
    'closure': (lambda v: training.Refresh(2, _by_closure(v)), .5, .9),
    'jitted closure': (lambda v: training.Refresh(2, jax.jit(_by_closure(v))), .5, .9),
    'how often': (lambda v: training.Refresh(v, pulling(.5)), 2, 4),
}


@pytest.mark.parametrize('way', FOLLOWING)
def test_arguments_that_begin_alike_and_differ_later_are_refused(way, tmp_path):
  make, one, other = FOLLOWING[way]
  first = _given(tmp_path, make(one))
  np.testing.assert_array_equal(_given(tmp_path, make(one)), first)
  assert not np.array_equal(_given(tmp_path / 'other', make(other)), first)
  with pytest.raises(ValueError, match='of another run, with another given later'):
    _given(tmp_path, make(other))


def test_arguments_that_cannot_be_seen_into_are_refused(tmp_path):
  drawn = np.random.default_rng(0).normal
  with pytest.raises(TypeError, match='cannot be told from others like it'):
    _given(tmp_path, training.Refresh(2, lambda params: (jnp.float32(drawn()),)))


METHODS = {  # alike in their first step
    'uam': (methods.uam, {'radius': 1., 'steps': 3}, {'fading': False}, 'given later.values'),
    'min_norm_og decay': (methods.min_norm_og, {'strength': .5, 'steps': 3}, {'decay': .9},
                          'given later.values'),
    'min_norm_og share': (methods.min_norm_og, {'strength': .5, 'steps': 5},
                          {'descent_share': .6}, 'given later.values'),
    'dimensional_alignment': (
        methods.dimensional_alignment, {'energy': .1, 'rounds': 2}, {'energy': .11},
        'given later.given.energy'),
    'scissorhands': (methods.scissorhands, {'steps': 2, 'examples': 50}, {'examples': 60},
                     None),  # there are no more: the same run
    'scrub': (methods.scrub, {'rounds': 2}, {'alpha': .7}, 'other losses'),
}


@pytest.mark.filterwarnings('ignore')  # so few steps forget little
@pytest.mark.parametrize('way', METHODS)
def test_methods_that_begin_alike_are_told_apart(way, tmp_path):
  make, choices, other, name = METHODS[way]
  run = lambda **options: make(batch_size=4, **{**choices, **options})(
      _problem(tmp_path), KEY).params['w']
  np.testing.assert_array_equal(run(), first := run())
  if name is None:
    np.testing.assert_array_equal(run(**other), first)
    return
  with pytest.raises(ValueError, match=f'of another run, with another {name}: remove'):
    run(**other)


def test_a_term_that_the_first_batch_does_not_bring_counts(tmp_path):
  def run(term):
    return parts.compose(
        objective=objectives.objective(forget=objectives.entropy, retain=term),
        transform=optax.sgd(.1), schedule=schedules.alternating(1, batch_size=4))(
            _problem(tmp_path), KEY).params['w']
  first = run(objectives.cross_entropy)
  np.testing.assert_array_equal(run(objectives.cross_entropy), first)
  with pytest.raises(ValueError, match='of another run, with another other losses: remove'):
    run(objectives.scaled(objectives.cross_entropy, 2.))


def test_a_stop_at_what_single_examples_reach_is_another(tmp_path):
  """Of the same sets: whole classes stop at a number, examples at what others answer."""
  run = lambda classes: parts.compose(
      objective=objectives.objective(forget=objectives.entropy), transform=optax.sgd(.1),
      schedule=schedules.forget_only(2, 2), watch=stopping.until_forgotten(.9))(
          _problem(tmp_path, classes), KEY)
  run((2,))
  with pytest.raises(ValueError, match='with another run.forget_classes: remove'):
    run(())
