"""Choices and arrays tell runs apart, and what cannot is refused."""

import collections
import dataclasses
import functools
import json
import operator
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsc_jax import sharding
from unsc_jax import storage
from unsc_jax.storage import identity

Pair = collections.namedtuple('Pair', 'a b')


@dataclasses.dataclass(frozen=True)
class Rule:
  energy: float
  solver: object = None
  calls: list = dataclasses.field(default_factory=list, compare=False)


@dataclasses.dataclass(frozen=True)
class OtherRule(Rule):
  pass


X = np.arange(6, dtype=np.float32)
ALL = [
    None, True, 1, .5, 'a', Rule(.5), Rule(.4), OtherRule(.5), Rule(.5, np.linalg.eigh),
    Rule(.5, np.linalg.eig), Pair(1, 2), [1, 2], {'a': 1, 'b': 2}, {'a': 1},
    functools.partial(np.sum, axis=0), functools.partial(np.sum, axis=1), X, X + 1,
    X.reshape(2, 3), X.astype(np.int32), jax.random.key(0), jax.random.key(1), Rule,
    {1, 2}, {1, 3}, frozenset({1, 2}), Rule(.5, frozenset('ab')), types.SimpleNamespace(a=1),
    X.astype(object), np.array(['a', None], dtype=object), operator.itemgetter(1), str.upper]


def test_what_differs_is_described_differently_and_as_json():
  found = [identity.describe(value) for value in ALL]
  for i, one in enumerate(found):
    assert json.loads(json.dumps(one)) == one
    assert [j for j, other in enumerate(found)
            if one == other and type(one) is type(other)] == [i]


def test_what_is_equal_is_described_alike():
  assert identity.describe((1, np.int64(2))) == [1, 2]
  assert identity.describe(X) == identity.describe(jnp.asarray(X))
  assert identity.describe(Rule(.5, calls=[1])) == identity.describe(Rule(.5))


@pytest.mark.parametrize('value', [
    lambda x: x, functools.partial(lambda x: x), Rule(.5, lambda x: x), object(),
    {'a': [np.linalg.eigh, iter(())]}, Rule(.5).calls.append, {1, iter(())}])
def test_what_cannot_be_seen_is_refused(value):
  with pytest.raises(TypeError, match='pass a frozen dataclass with fields instead'):
    identity.describe(value)


def test_objects_are_told_by_what_they_are_and_not_by_where_they_lie():
  names = lambda last: np.array(['zero', None, last], dtype=object)
  assert storage.fingerprint(names(''.join('ab'))) == storage.fingerprint(names(''.join('ab')))
  assert storage.fingerprint(names('ab')) != storage.fingerprint(names('ac'))


def test_what_is_no_number_is_no_difference():
  own = {'limit': float('nan'), 'rule': Rule(np.nan)}
  identity.check('here', 'the state', json.loads(json.dumps(identity.describe(own))), own)


def test_hashes_do_not_depend_on_where_arrays_lie():
  tree = {'w': X.repeat(8), 'key': jax.random.key(3)}
  split = sharding.shard_params({'w': tree['w']}, sharding.data_mesh(8), smallest=1)
  assert storage.fingerprint(tree) == storage.fingerprint({**tree, **split})


def test_a_refusal_names_what_differs():
  own = {'inputs': X, 'steps': 3, 'rule': Rule(.5, Pair(1, 2)), 'only': None}
  stored = identity.describe(own)
  identity.check('here', 'the state', stored, own)
  others = {**own, 'inputs': X + 1, 'rule': Rule(.5, Pair(1, 3)), 'more': 1}
  with pytest.raises(ValueError, match='here holds the state of another run, with '
                     'another inputs and rule.solver.b and more: remove it'):
    identity.check('here', 'the state', stored, others)
  with pytest.raises(ValueError, match='with another rule: remove it'):
    identity.check('here', 'the state', stored, {**own, 'rule': OtherRule(.5)})
