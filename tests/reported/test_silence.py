"""Nothing succeeds in silence without having done what was asked."""

import dataclasses
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests import rows
from unsc_jax import methods
from unsc_jax import moments
from unsc_jax import null_space
from unsc_jax import problem as problem_lib

KEY = jax.random.key(0)
WIDE = 40_000  # its moments would take 6.4 GB


def _problem(network=None, params=None, **changes):
  """Class 2 of three, whose inputs have a direction of their own."""
  y = np.repeat(np.arange(3), 10)
  x = np.eye(4, dtype=np.float32)[y]
  x[:, 3] = np.random.default_rng(0).normal(size=30)
  data = problem_lib.Examples(x, y)
  network = network or problem_lib.Network(lambda params, x: x @ params['w'])
  params = params or {'w': 3 * jnp.eye(4, 3)}
  retain, forget = problem_lib.split_classes(data, [2])
  asked = problem_lib.Problem(network, params, retain, forget, 3, (2,), held_out=data)
  return dataclasses.replace(asked, **changes)


NOTHING = {
    'ssd': methods.ssd(1e6), 'esc': methods.esc(), 'loft': methods.loft(2),
    'salun': methods.salun(share=0.), 'fine_tune': methods.fine_tune(optax.sgd(0.), steps=2),
    'example_localization': methods.example_localization(optax.sgd(0.), share=0., steps=1)}


@pytest.mark.parametrize('name', rows.daily(NOTHING, {'ssd', 'esc', 'fine_tune'}))
def test_who_moved_nothing_says_so(name):
  init = lambda key: {'w': jax.random.normal(key, (4, 3))}
  fn = lambda params, x: x @ params['w']
  frozen = name in ('esc', 'loft')
  network = problem_lib.Network(fn, init, trainable=lambda path: not frozen)
  single = _problem(network)
  if name == 'example_localization':  # whole classes are reset whatever the share
    single = dataclasses.replace(single, forget_classes=())
  with pytest.warns(UserWarning, match='moved no parameter, and forget examples have '
                    'an accuracy of 1 as before; choose a larger'):
    done = NOTHING[name](single, KEY)
  np.testing.assert_array_equal(done.params['w'], single.params['w'])


def test_a_null_space_without_room_says_so():
  """Retained inputs that span all of the space leave nothing free."""
  full = problem_lib.Examples(np.eye(4, dtype=np.float32).repeat(2, 0), np.arange(8) % 2)
  with pytest.warns(UserWarning, match='leave no layer room'):
    methods.unsc(null_space.pooled(1.), steps=2)(_problem(retain=full), KEY)


def test_a_stop_that_is_not_reached_is_told_with_its_numbers():
  """The probability of the label is 1 / (1 + 2 exp(-3)) = .909 before; what it comes to
  is worked out from the parameters that are given back."""
  asked = _problem()
  with pytest.warns(UserWarning, match='after its 2 steps') as caught:
    done = methods.unsc(null_space.pooled(.6), optax.sgd(.1), steps=2)(asked, KEY)
  z = asked.forget.x.astype(float) @ np.asarray(done.params['w'], float)
  p = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
  sentence, = (str(w.message) for w in caught if 'after its' in str(w.message))
  assert f'have probability {p[:, 2].mean():.3g} and accuracy 1' in sentence
  assert 'below 0.005 was asked for' in sentence


def test_single_examples_have_nine_tenths_of_the_way_to_unseen_ones():
  asked = _problem(forget_classes=())
  unseen = problem_lib.Examples(np.eye(4, dtype=np.float32)[:3], np.arange(3))
  asked = dataclasses.replace(
      asked, held_out=unseen.replace(x=unseen.x * .1))  # less sure: e^.3 / (e^.3 + 2)
  limit = .1 * np.exp(3) / (np.exp(3) + 2) + .9 * np.exp(.3) / (np.exp(.3) + 2)
  with pytest.warns(UserWarning, match=f'below {limit:.3g} was asked for'):
    methods.unsc(null_space.pooled(.6), optax.sgd(.01), steps=2)(asked, KEY)


@pytest.mark.parametrize('make', [
    lambda: methods.unsc(null_space.pooled(.6), optax.sgd(5.), steps=200),
    lambda: methods.unsc(null_space.pooled(.6), optax.sgd(.1), steps=2, stop_below=-1.),
    methods.original, methods.head_only, methods.esc])
def test_who_did_what_was_asked_says_nothing(make):
  with warnings.catch_warnings():
    warnings.simplefilter('error')
    make()(_problem(), KEY)


# A layer that is too wide for a matrix of its inputs is left out by choice.

narrow = lambda site: site.folded[1] < 1000
SELECTED = {
    'unsc': methods.unsc(null_space.pooled(.5), optax.sgd(.1), steps=2, stop_below=-1.,
                         select=narrow),
    'null_space_alignment': methods.null_space_alignment(
        null_space.pooled(.5), optax.sgd(.1), steps=2, select=narrow),
    'pgu': methods.pgu(optax.sgd(.1), share=.5, steps=2, select=narrow),
    'class_projection': methods.class_projection(select=narrow)}


@pytest.mark.parametrize('name', rows.daily(SELECTED, {'unsc', 'class_projection'}))
def test_a_wide_layer_is_left_out(name, monkeypatch):
  fn = lambda params, x: jnp.tile(x, WIDE // 4) @ params['wide'] @ params['head']
  rng = np.random.default_rng(1)
  params = {'wide': jnp.asarray(rng.normal(size=(WIDE, 4)) / 100, jnp.float32),
            'head': jnp.asarray(rng.normal(size=(4, 3)), jnp.float32)}
  asked = _problem(problem_lib.Network(fn), params)
  done = SELECTED[name](asked, KEY)
  np.testing.assert_array_equal(done.params['wide'], params['wide'])
  assert (done.params['head'] != params['head']).any()


def test_batches_of_inputs_and_labels_and_empty_ones():
  asked = _problem()
  take = moments.input_moments(asked.fn)
  x, y = asked.retain.x, asked.retain.y
  with pytest.raises(TypeError, match='pass the inputs alone'):
    moments.accumulate(take, asked.params, [(x, y)])
  with_empty = moments.accumulate(take, asked.params, [x[:5], x[5:], x[:0]])
  whole = moments.accumulate(take, asked.params, [x])
  np.testing.assert_allclose(with_empty['w'].second, whole['w'].second, rtol=1e-6)
