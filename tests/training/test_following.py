"""What follows a loop is of the parameters alone, or the loop says so."""

import functools
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from unsc_jax import session as session_lib
from unsc_jax import storage
from unsc_jax import training


class Fading:
  """Weaker with each call."""

  def __init__(self):
    self.calls = 0

  def __call__(self, w):
    self.calls += 1
    return (jnp.float32(.9 ** self.calls),)


class Patience:
  """Stops when it has not become less for a while."""

  def __init__(self):
    self.best, self.since = np.inf, 0

  def __call__(self, w):
    self.since = 0 if w < self.best else self.since + 1
    self.best = min(self.best, float(w))
    return {'w': float(w)}, self.since > 2


def _fit(folder=None, **options):
  return training.fit(
      lambda w, batch, key, *given: (sum(given, batch) * w, w), optax.sgd(.1), jnp.ones(()),
      [1.] * 6, steps=6, key=jax.random.key(0), **options, session=session_lib.Session(
          checkpoint=folder and storage.Checkpoint(folder, every=2)))


def test_arguments_that_remember_are_refused_where_a_run_may_be_resumed(tmp_path):
  options = lambda: {'given': training.Refresh(2, Fading())}
  _fit(**options())
  with pytest.raises(ValueError, match='a function of the parameters alone'):
    _fit(tmp_path, **options())


def test_a_watch_that_remembers_is_named_where_a_run_may_be_resumed(tmp_path):
  with pytest.warns(UserWarning, match='a resumed run may stop at another step'):
    _fit(tmp_path, watch=Patience(), watch_every=1)
  with warnings.catch_warnings(action='error'):
    _fit(watch=Patience(), watch_every=1)
    _fit(tmp_path / 'other', watch=lambda w: ({'w': float(w)}, False), watch_every=1)


def test_a_schedule_is_asked_once_a_step_and_on_the_host(tmp_path):
  asked, schedule = [], optax.cosine_decay_schedule(2., 6)

  def value(step):
    number = schedule(step)
    asked.append((step, number.devices()))
    return number

  with jax.default_device(jax.devices()[-1]):
    for folder in (None, tmp_path):
      asked.clear()
      _fit(folder, given=training.Scheduled(value))
      assert asked == [(step, {jax.devices('cpu')[0]}) for step in range(6)]


def test_a_schedule_is_rounded_as_its_author_rounds_it():
  schedule = optax.linear_schedule(1., .1, 1333)
  given = training.Scheduled(schedule)
  for step in range(0, 1400, 50):
    (found,) = given.at(step, None)
    assert found.dtype == np.float32
    assert found == np.float32(schedule(step))


def test_arguments_are_made_as_often_with_a_checkpoint_as_without(tmp_path, monkeypatch):
  calls, at = [], training.Refresh.at
  monkeypatch.setattr(training.Refresh, 'at', lambda *args: calls.append(1) or at(*args))
  for folder in (None, tmp_path):
    _fit(folder, given=training.Refresh(2, lambda w: (w * 0,)))
  assert len(calls) == 2 * 3


def test_what_is_no_number_is_nothing_remembered(tmp_path):
  given = functools.partial(lambda w, k: (w * 0,), k=np.float32(np.nan))
  for _ in range(2):
    _fit(tmp_path, given=training.Refresh(2, given))


def test_what_is_imported_by_the_way_is_nothing_remembered(tmp_path, monkeypatch):
  (tmp_path / 'imported_by_the_way.py').write_text('LEAST = 0.')
  monkeypatch.syspath_prepend(tmp_path)

  def given(w):
    from imported_by_the_way import LEAST
    return (w * LEAST,)

  _fit(tmp_path / 'states', given=training.Refresh(2, given))


def test_arguments_that_are_no_tuple_are_named(tmp_path):
  for folder in (None, tmp_path):
    with pytest.raises(TypeError, match=r'not a tuple .* let it return \(argument,\)'):
      _fit(folder, given=training.Refresh(2, lambda w: w * 0))
