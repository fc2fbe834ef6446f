"""What a function computes, told by a hash of its jaxpr: alike in every process."""

from collections.abc import Callable, Iterator, Mapping
import hashlib
import re
from typing import Any

import jax
import jax.extend.core as jex
import numpy as np

from unsc_jax.storage import identity


def program(fn: Callable, *args: Any) -> str:
  """A hash of what a function computes of arguments of these shapes and dtypes.

  Operations, their settings and the values of constants count. Names of functions,
  addresses and where arrays lie do not, so that another process or another number of
  devices finds the same; another version of JAX may not, nor another process where a
  function adds up the members of a set of strings, which come in another order there. What
  the host computes, of `jax.pure_callback`, counts by what it does.

  Args:
    fn: what `jax.make_jaxpr` can trace.
    *args: pytrees of arrays, whose values are not looked at.

  Returns:
    SHA-256, in hexadecimal.

  Raises:
    Unseen: it calls a function on the host that cannot be seen into.

  Example:
    >>> program(lambda x: 2 * x, 1.) == program(lambda y: 2 * y, 5.)
    True
    >>> program(lambda x: 2 * x, 1.) == program(lambda x: 3 * x, 1.)
    False
  """
  traced = jax.make_jaxpr(fn)(*jax.tree.map(_abstract, args))
  return hashlib.sha256('\n'.join(_lines(traced)).encode()).hexdigest()


def _abstract(leaf: Any) -> Any:
  """Its shape and dtype, without the devices that it lies on."""
  leaf = jax.typeof(leaf)
  return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, weak_type=leaf.weak_type)


def _lines(closed: jex.ClosedJaxpr | jex.Jaxpr) -> Iterator[str]:
  """An operation a line, variables by number."""
  jaxpr = getattr(closed, 'jaxpr', closed)
  numbers: dict[Any, int] = {}

  def named(atom):
    literal = isinstance(atom, jex.Literal)
    name = _text(atom.val) if literal else f'v{numbers.setdefault(atom, len(numbers))}'
    # Not all of the type, which says on what devices it is; a token has none.
    return f'{name}:{getattr(atom.aval, "dtype", "")}{getattr(atom.aval, "shape", "")}'

  names = lambda atoms: ' '.join(map(named, atoms))
  yield f'{names(jaxpr.constvars)} = {_text(getattr(closed, "consts", ()))}'
  yield f'in {names(jaxpr.invars)}'
  for eqn in jaxpr.eqns:
    yield f'{names(eqn.outvars)} = {eqn.primitive} {_settings(eqn)} {names(eqn.invars)}'
  yield f'out {names(jaxpr.outvars)}'


def _settings(eqn: Any) -> str:
  """What an operation is set to, but for the name of what it was traced from."""
  settings = {k: v for k, v in eqn.params.items() if k != 'name'}
  # What the host computes is in no jaxpr; what it only prints is of no account.
  if 'callback' in settings and eqn.primitive.name != 'debug_callback':
    on_host = settings['callback']
    settings['callback'] = identity.describe_function(
        getattr(on_host, 'callback_func', on_host))
  return _text(settings)


def _text(value: Any) -> str:
  """A setting or a constant, without anything of this process."""
  if isinstance(value, jex.ClosedJaxpr | jex.Jaxpr):
    return '{' + '\n'.join(_lines(value)) + '}'
  if isinstance(value, jax.sharding.Sharding | jax.sharding.Mesh):
    return type(value).__name__
  if isinstance(value, jax.Array | np.ndarray):
    return identity.fingerprint(value)
  if isinstance(value, Mapping):
    return '{' + ', '.join(f'{k}: {_text(value[k])}' for k in sorted(value, key=str)) + '}'
  if isinstance(value, tuple | list):
    return f'({", ".join(map(_text, value))})'
  if isinstance(value, set | frozenset):  # whose order is another in every process
    return f'({", ".join(sorted(map(_text, value)))})'
  return re.sub(r' at 0x[0-9a-f]+', '', str(value))
