"""Requests one after the other: they add up to one, and follow the model of the enrolment."""

from unittest import mock

import jax.numpy as jnp
import numpy as np
import pytest

from tests.requests import conftest as small
from unsc_jax import problem
from unsc_jax import requests
from unsc_jax.requests import serving
from unsc_jax.requests import store as store_lib


def examples(each, seed):
  """Five classes, each around a corner of its own."""
  rng = np.random.default_rng(seed)
  y = np.arange(5).repeat(each)
  x = np.eye(5, 12)[y] + .01 * rng.normal(size=(len(y), 12))
  return problem.Examples(x.astype(np.float32), y)


DATA, UNSEEN = examples(12, 0), examples(6, 1)
PARAMS = {'head': {'w': 4 * jnp.eye(12, 5)}}
CHOICES = requests.Choices(learning_rate=1., steps=100, batch_size=8, drift_budget=10.)


def served(folder, *whats):
  """The parameters, the retained moments and the record after some requests."""
  requests.enroll(folder, small.NETWORK, PARAMS, DATA, choices=CHOICES)
  for what in whats:
    forgotten = requests.forget(folder, small.NETWORK, what, DATA, held_out=UNSEEN)
  with store_lib.opened(folder) as store:
    total = serving.total(store.moments(store.latest).values())['head/w']
  return np.asarray(forgotten.params['head']['w'], np.float64), total, forgotten.record


@pytest.fixture(scope='module')
def both(tmp_path_factory):
  """Two classes and two people, at once as far as that can be asked, and in four."""
  folder = tmp_path_factory.mktemp('both')
  classes, ids = requests.Classes, requests.Ids
  return (served(folder / 'once', classes((1, 3)), ids((0, 30))),
          served(folder / 'steps', classes((1,)), ids((0,)), classes((3,)), ids((30,))))


def test_at_once_and_in_steps_leave_the_same_moments(both):
  (_, once, _), (_, steps, _) = both
  left = ~np.isin(DATA.y, (1, 3)) & ~np.isin(np.arange(60), (0, 30))
  x = DATA.x[left].astype(np.float64)
  for moment in (once, steps):
    second = np.asarray(moment.second[0], np.float64)
    assert np.linalg.norm(second - x.T @ x) < 1e-5 * np.linalg.norm(x.T @ x)
    assert moment.count.item() == left.sum()


def test_at_once_and_in_steps_are_no_further_apart_than_both_have_moved(both):
  """Of one layer that is exact: the triangle's inequality, in float64."""
  left = ~np.isin(DATA.y, (1, 3)) & ~np.isin(np.arange(60), (0, 30))
  x, w = DATA.x[left].astype(np.float64), np.asarray(PARAMS['head']['w'], np.float64)
  apart = np.linalg.norm(x @ (both[0][0] - both[1][0])) / np.linalg.norm(x @ w)
  moved = [record['drift']['layers_since_enrolment'] for _, _, record in both]
  assert 0 < apart <= sum(moved)
  assert max(moved) < .1
  gone = np.isin(UNSEEN.y, (1, 3))
  for params, _, _ in both:
    said = (UNSEEN.x @ params).argmax(-1)
    assert not np.isin(said, (1, 3)).any()
    assert (said == UNSEEN.y)[~gone].all()


def test_unseen_answers_are_those_of_the_enrolment_whatever_came_since(both, tmp_path):
  """Not those of the model of now: it speaks worse, and what is next would follow it."""
  given = {}
  def method(problem, key):
    given['problem'] = problem
    raise ValueError('seen')
  folder = tmp_path / 'store'
  served(folder, requests.Classes((1,)))
  with mock.patch.object(serving.methods, 'unsc', return_value=method), \
      pytest.raises(ValueError, match='seen'):
    requests.forget(folder, small.NETWORK, requests.Ids((0,)), DATA, held_out=UNSEEN)
  np.testing.assert_array_equal(
      given['problem'].original['head']['w'], PARAMS['head']['w'])
  assert (given['problem'].params['head']['w'] != PARAMS['head']['w']).any()


def test_every_earlier_request_is_in_the_record_and_measured_where_its_data_are_given(
    both, tmp_path):
  assert [of['number'] for of in both[1][2]['measures']['requests']] == [1, 2, 3]
  assert all(of['accuracy'] for of in both[1][2]['measures']['requests'])
  served(tmp_path / 'store', requests.Classes((1,)))
  _, record = requests.forget(
      tmp_path / 'store', small.NETWORK, requests.Classes((3,)), DATA.where(DATA.y == 3))
  assert record['measures']['requests'] == [
      {'number': 1, 'accuracy': None, 'probability': None}]
  page = (tmp_path / 'store' / 'audit' / '0002.html').read_text()
  assert 'not measured' in page
