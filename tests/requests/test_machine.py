"""Any order of requests, kills, resumed requests and checks, against a list of sets.

Once with a stand-in for what a request computes, cheap and a function of what it is
given, so that many can be tried; and once with UNSC's own steps.
"""

import contextlib
import functools
import pathlib
import tempfile
from unittest import mock

import hypothesis
from hypothesis import stateful
from hypothesis import strategies as st
import jax
import numpy as np
import pytest

from tests.requests import conftest as small
from unsc_jax import null_space
from unsc_jax import requests
from unsc_jax.requests import measures
from unsc_jax.requests import serving
from unsc_jax.requests import store as store_lib

LABELS = small.DATA.y


class Killed(BaseException):
  """What no handler of errors catches."""


def stand_in(model, forget, taken, whole, choices, number, *, held_out=None, session=None):
  """Moments as they should be, and weights that depend on all inputs."""
  del held_out, session
  left = {c for c, n in model.counts.items() if c not in whole and n > taken.get(c, 0)}
  if not left:
    raise ValueError('nothing would remain')
  changed = {
      str(c): model.moments[str(c)] - serving.moments_of(
          model.network, model.enrolled, forget.where(forget.y == c).x, choices)
      for c in np.unique(forget.y).tolist() if c in left}
  moments = {**{str(c): model.moments[str(c)] for c in left}, **changed}
  total = serving.total(moments.values())
  params = jax.tree.map(lambda w: w + number * forget.x.sum(), model.params)
  return serving.Served(params, changed, tuple(sorted({*moments} - {*changed})), total,
                        null_space.hard(.99)(total), 0., {'loss': np.zeros(1)}, {})


class RealStores(stateful.RuleBasedStateMachine):
  """A store, and what should be in it."""

  def __init__(self):
    super().__init__()
    self.stack = contextlib.ExitStack()
    self.folder = pathlib.Path(
        self.stack.enter_context(tempfile.TemporaryDirectory())) / 'store'
    self.patch()
    enrol = functools.partial(small.enrol, self.folder, ids=None, choices=requests.Choices(
        steps=10, batch_size=4, learning_rate=.3, drift_budget=1e30))
    with mock.patch.object(store_lib, 'put', side_effect=Killed), pytest.raises(Killed):
      enrol()
    assert not self.folder.exists()
    enrol()
    self.gone: list[set[int]] = []
    self.weights = [store_hash(self.folder)]

  def patch(self):
    """What is not real; nothing."""

  def teardown(self):
    self.stack.close()

  def meant(self, what) -> set[int] | None:
    """Who a request is about; None if it has to be refused."""
    before = set().union(*self.gone)
    if isinstance(what, requests.Classes):
      found = {i for i in range(30) if LABELS[i] in what.classes} - before
    else:
      found = {int(i) for i in what.ids}
      if found & before:
        return None
    left = set(range(30)) - before - found
    return found if found and left else None

  @stateful.rule(what=st.one_of(
      st.integers(0, 2).map(lambda c: requests.Classes((c,))),
      st.sets(st.integers(0, 29), min_size=1, max_size=4).map(
          lambda ids: requests.Ids(tuple(sorted(ids))))),
                 kill=st.sampled_from(['never', 'never', 'begun', 'files', 'commit']))
  def forget(self, what, kill):
    meant = self.meant(what)
    where = {'begun': (serving, 'serve'), 'files': (store_lib, 'put'),
             'commit': (store_lib.Store, 'commit')}
    killed = (mock.patch.object(*where[kill], side_effect=Killed) if kill in where
              else contextlib.nullcontext())
    try:
      with killed:
        requests.forget(self.folder, small.NETWORK, what, small.DATA, held_out=small.UNSEEN)
      assert meant is not None
      assert kill == 'never'
    except ValueError:
      assert meant is None
    except Killed:
      assert meant is not None
      assert store_hash(self.folder) == self.weights[-1]
      requests.forget(self.folder, small.NETWORK, what, small.DATA, held_out=small.UNSEEN)
    if meant:
      self.gone.append(meant)
      self.weights.append(store_hash(self.folder))

  @stateful.rule(data=st.data())
  def again(self, data):
    if self.gone:
      number = data.draw(st.integers(1, len(self.gone)))
      assert requests.again(
          self.folder, small.NETWORK, number, small.DATA, held_out=small.UNSEEN)

  @stateful.invariant()
  def all_is_as_it_should_be(self):
    assert requests.verify(self.folder) == []
    records, begun = requests.history(self.folder)
    assert not begun
    assert [record['weights']['after'] for record in records] == self.weights
    left = sorted(set(range(30)) - set().union(*self.gone))
    with store_lib.opened(self.folder) as store:
      total = serving.total(store.moments(store.latest).values())['head/w']
    x = small.DATA.x[left].astype(np.float64)
    np.testing.assert_allclose(total.second[0], x.T @ x, atol=1e-4)


class Stores(RealStores):
  """The same with a stand-in for the steps, and nothing measured."""

  def patch(self):
    self.stack.enter_context(mock.patch.object(serving, 'serve', stand_in))
    nothing = dict.fromkeys(
        ('accuracy', 'probability', 'retained_accuracy', 'forgotten_accuracy', 'logit_drift'))
    for name in ('of_examples', 'of_membership', 'of_unseen'):
      told = None if name == 'of_membership' else nothing
      self.stack.enter_context(mock.patch.object(measures, name, return_value=told))


def store_hash(folder):
  return store_lib.hash_of(requests.load(folder))


def _case(machine, examples, steps):
  """A machine as a test."""
  case = type(machine.__name__, (machine,), {}).TestCase
  case.settings = hypothesis.settings(
      max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True,
      phases=[hypothesis.Phase.generate],
      suppress_health_check=list(hypothesis.HealthCheck))
  return case


TestStores = _case(Stores, 4, 6)
TestRealSteps = _case(RealStores, 2, 4)
TestManyStores = pytest.mark.slow(_case(Stores, 40, 20))
TestManyRealSteps = pytest.mark.slow(_case(RealStores, 10, 12))
