"""What tells a run from others: its choices by their fields, its arrays by hashes."""

import argparse
from collections import deque
from collections.abc import Callable, Mapping
import dataclasses
import enum
import functools
import hashlib
import operator
import os
import types
from typing import Any

import jax
from jax.experimental import multihost_utils
import numpy as np

from unsc_jax import closures
from unsc_jax import sharding
from unsc_jax.storage import code as code_lib

_OF_TYPES = (types.MethodDescriptorType, types.WrapperDescriptorType,
             types.ClassMethodDescriptorType, types.GetSetDescriptorType,
             types.MemberDescriptorType)
_NAMESPACES = (argparse.Namespace, types.SimpleNamespace)
_GETTERS = (operator.attrgetter, operator.itemgetter, operator.methodcaller)


def describe(value: Any) -> Any:
  """A choice as JSON has it: by its fields; equal choices give equal descriptions.

  Args:
    value: a number, a string, None, an array, a function of a module's level, a
      dataclass or named tuple, a method of one, or a tuple, list, set or mapping of such.

  Returns:
    Numbers, strings, lists and mappings: arrays by hash, functions by name and, unless
    they are of an installed package, by a hash of what they do, and what has fields with
    its `class`: a dataclass that has an `identity`, such as a problem, by that. Of a class
    of this library or an installed package the name alone counts, of the user's own what
    its methods do as well, a hash under `does`.

  Raises:
    TypeError: for anything else, such as a lambda, or for what a function reads or holds
      whose inside cannot be seen.

  Example:
    >>> describe({'shape': (2, 3), 'rate': np.float32(.5), 'solver': os.path.join})
    {'shape': [2, 3], 'rate': 0.5, 'solver': 'posixpath.join'}
  """
  return _described(value, describe, _of_its_module)


def describe_function(value: Any) -> Any:
  """The same of what need have no name, as what is handed to a loop: by what it does.

  Example:
    >>> of = lambda rate: describe_function(lambda x: rate * x)
    >>> of(.1) == of(.1), of(.1) == of(.2)
    (True, False)
  """
  return _described(
      value, describe_function, lambda value: code_lib.code(value, _described))


def _described(value: Any, inner: Callable[[Any], Any], other: Callable[[Any], Any]) -> Any:
  """As JSON has it.

  Args:
    value: any.
    inner: describes its parts.
    other: describes functions, classes and what is none of what is known here.
  """
  if value is None or isinstance(value, bool | int | float | str):
    return value
  if isinstance(value, enum.Enum):
    try:
      return [str(value), inner(value.value)]
    except code_lib.Unseen:  # a mark, as most are
      return str(value)
  if isinstance(value, np.generic):
    return inner(value.item())
  if isinstance(value, np.ndarray | jax.Array):
    return fingerprint(value)
  if isinstance(value, _OF_TYPES):
    return f'{code_lib.name_of(value.__objclass__)}.{value.__name__}'
  if isinstance(value, Mapping):
    return _each(value, inner)
  if (fields := _fields(value)) is not None:
    return {**_kind(value, inner), **_each(fields, inner)}
  if isinstance(value, list | tuple):
    return [inner(v) for v in value]
  if isinstance(value, set | frozenset):  # whose order is another in every process
    return {**_kind(value, inner),
            'members': sorted(map(inner, value), key=code_lib.text)}
  if isinstance(value, types.MethodType) and _fields(value.__self__) is not None:
    return {'method': value.__name__, 'of': inner(value.__self__)}
  return other(value)


def _kind(value: Any, inner: Callable[[Any], Any]) -> dict[str, str]:
  """A value's class by name, and what it does unless the name tells."""
  name, *does = inner(type(value)).split(' ')
  return {'class': name, **dict(zip(['does'], does))}


def _each(parts: Mapping[Any, Any], inner: Callable[[Any], Any]) -> dict[str, Any]:
  """The parts by name, described one after the other by that, not as they were put in."""
  names = {key: key if isinstance(key, str) else code_lib.text(inner(key)) for key in parts}
  found = {key: inner(parts[key]) for key in sorted(parts, key=lambda key: names[key])}
  return {name: found[key] for key, name in names.items()}


def _of_its_module(value: Any) -> str:
  """What a module knows by name: by that, and by what it does unless it is installed."""
  if isinstance(value, type):
    return code_lib.code(value, _described)
  if not code_lib.has_its_name(value):
    raise code_lib.Unseen(value)
  name = code_lib.name_of(value)
  if closures.installed(value.__module__):
    return name
  return f'{name} {code_lib.code(value, _described)}'


def _fields(value: Any) -> dict[str, Any] | None:
  """What a value is made of by name; None if it does not say."""
  if isinstance(value, functools.partial):
    return {'func': value.func, 'args': value.args, 'keywords': value.keywords}
  if isinstance(value, _GETTERS):
    return dict(zip(('made by', 'of'), value.__reduce__()))
  if isinstance(value, _NAMESPACES):
    return vars(value)
  if isinstance(value, deque):
    return {'members': [*value], 'maxlen': value.maxlen}
  if isinstance(value, jax.ShapeDtypeStruct):
    return {'shape': value.shape, 'dtype': str(value.dtype)}
  if dataclasses.is_dataclass(value) and not isinstance(value, type):
    if callable(getattr(value, 'identity', None)):
      return dict(value.identity())
    return {field.name: getattr(value, field.name)
            for field in dataclasses.fields(value) if field.compare}
  as_dict = getattr(value, '_asdict', None)  # of a named tuple
  return as_dict() if isinstance(value, tuple) and as_dict else None


def fingerprint(tree: Any) -> str:
  """A hash of a pytree of arrays: SHA-256 of paths, shapes, dtypes and bytes.

  Arrays that are split over processes are gathered, one at a time: the hash does
  not depend on where arrays lie, and all processes have to call this alike.

  Example:
    >>> fingerprint({'w': np.ones(2)}) == fingerprint({'w': np.ones(2)})
    True
    >>> fingerprint({'w': np.ones(2)}) == fingerprint({'v': np.ones(2)})
    False
  """
  digest = hashlib.sha256()
  for path, leaf in jax.tree.leaves_with_path(tree):
    leaf = jax.random.key_data(leaf) if sharding.is_key(leaf) else leaf
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
      leaf = multihost_utils.process_allgather(leaf, tiled=True)
    leaf = np.ascontiguousarray(leaf)
    about = f'{jax.tree_util.keystr(path)} {leaf.shape} {leaf.dtype}\n'
    digest.update(about.encode() + _bytes(leaf))
  return digest.hexdigest()


def _bytes(array: np.ndarray) -> bytes:
  """What is in an array: of objects, it has no more than where they lie."""
  if array.dtype.hasobject:
    return code_lib.text(describe(array.tolist())).encode()
  return array.tobytes()


def check(
    path: str | os.PathLike[str], what: str, stored: Mapping[str, Any],
    own: Mapping[str, Any],
) -> None:
  """Refuses what is of another run, and says what of it is other.

  Args:
    path: where it is stored.
    what: is stored there.
    stored: the identity beside it, as JSON has it.
    own: that of this run.

  Raises:
    ValueError: they differ.

  Example:
    >>> check('states', 'the state', {'rank': {'energy': .9}}, {'rank': {'energy': .8}})
    Traceback (most recent call last):
    ValueError: states holds the state of another run, with another rank.energy: ...
  """
  if names := _differing(stored, describe(own)):
    raise ValueError(
        f'{path} holds {what} of another run, with another {" and ".join(names)}: '
        'remove it, or choose another folder.')


def _differing(a: Any, b: Any) -> list[str]:
  """The names under which two descriptions differ, 'rank.energy'."""
  names = []
  for name in dict.fromkeys([*a, *b]):
    one, other = a.get(name), b.get(name)
    if one == other or code_lib.text(one) == code_lib.text(other):  # NaN equals no NaN
      continue
    inside = (isinstance(one, dict) and isinstance(other, dict)
              and one.get('class') == other.get('class'))
    names += [f'{name}.{inner}' for inner in _differing(one, other)] if inside else [name]
  return names
