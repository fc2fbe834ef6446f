"""Moments, bases and gains on the disk, with what they are of.

Unlike parameters they cannot be read into the likes of something that is there:
how many columns a basis has is known to it alone. So a description goes along.
"""

import json
import os
from typing import Any

import jax.numpy as jnp
import numpy as np

from unsc_jax import capture
from unsc_jax import moments as moments_lib
from unsc_jax import null_space
from unsc_jax.storage import checkpoints
from unsc_jax.storage import identity

Bases = null_space.Bases
Gains = null_space.Gains
Moments = moments_lib.Moments

_KINDS = {'moments': Moments, 'bases': Bases, 'gains': Gains}
_ARRAYS = {
    'moments': ('second', 'first', 'count', 'gross'),
    'bases': ('vectors', 'eigenvalues', 'rank'),
    'gains': ('matrix',), 'kronecker': ('left', 'right', 'passed')}
# What else there may be among gains.
_OTHERS: dict[type, str] = {null_space.Basis: 'bases', null_space.KroneckerGain: 'kronecker'}


def save(
    path: str | os.PathLike[str], what: Moments | Bases | Gains, of: Any = None
) -> None:
  """Writes moments, bases or gains, as `checkpoints.save` writes parameters.

  Args:
    path: a .npz file, or the name of a new Orbax folder.
    what: of `accumulate`, or of `null_space_bases` or another filter.
    of: whose they are, for `identity.describe`.
  """
  kind = next((name for name, cls in _KINDS.items() if isinstance(what, cls)), None)
  if kind is None:
    raise TypeError(f'moments, bases or gains are stored, not a {type(what).__name__}.')
  arrays, sites = {}, []
  for i, item in enumerate(what):
    kind_of = _OTHERS.get(type(item), kind)
    arrays |= {f'{i}-{name}': getattr(item, name) for name in _ARRAYS[kind_of]}
    fixed = getattr(item, 'fixed', None)
    arrays |= {f'{i}-fixed-{j}': leaf for j, leaf in enumerate(fixed or ())}
    sites.append({**item.site._asdict(), 'free': getattr(item, 'free', None),
                  'fixed': fixed is not None, 'item': kind_of})
  about = json.dumps({'kind': kind, 'sites': sites, 'of': identity.describe(of)}).encode()
  checkpoints.save(path, {**arrays, 'about': np.frombuffer(about, np.uint8)})


def load(path: str | os.PathLike[str], of: Any = None) -> Any:
  """Reads what `save` wrote: moments, bases or gains.

  Args:
    path: as for `save`.
    of: whose they must be; None takes any.

  Returns:
    The moments, bases or gains, on the default device.

  Raises:
    FileNotFoundError: there is nothing at `path`.
    ValueError: something else is, or those of another run.

  Example:
    >>> import tempfile
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> _, M = fn({'w': jnp.ones((3, 2))}, jnp.array([[1., 0., 0.]]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...   save(f'{folder}/bases.npz', null_space.null_space_bases(M))
    ...   basis = load(f'{folder}/bases.npz')['w']
    >>> basis.site.path, basis.rank.item()
    ('w', 1)
  """
  stored = checkpoints.read(path)
  if 'about' not in stored:
    raise ValueError(
        f'{path} holds neither moments nor bases nor gains; parameters are read by '
        '`checkpoints.load`.')
  about = json.loads(stored['about'].tobytes())
  if of is not None:
    identity.check(path, f'the {about["kind"]}', about.get('of') or {}, of)
  by_path: dict[str, tuple] = {}
  for i, site in enumerate(about['sites']):
    read = lambda name, i=i: jnp.asarray(stored[f'{i}-{name}'])
    free, has_fixed, kind = site.pop('free'), site.pop('fixed'), site.pop('item')
    values = {name: read(name) for name in _ARRAYS[kind]}
    fields: dict[str, Any] = {
        key: tuple(v) if isinstance(v, list) else v for key, v in site.items()}
    where = capture.Site(**fields)
    if kind == 'moments':
      fixed = ((read('fixed-0'), read('fixed-1'), read('fixed-2'))
               if has_fixed else None)
      item = moments_lib.Moment(where, **values, fixed=fixed)
    elif kind == 'bases':
      item = null_space.Basis(where, free, **values)
    elif kind == 'kronecker':
      item = null_space.KroneckerGain(where, **values)
    else:
      item = null_space.Gain(where, **values)
    by_path[where.path] = (*by_path.get(where.path, ()), item)
  return _KINDS[about['kind']](by_path)
