"""Moments and bases on the disk, with what they are moments and bases of.

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
Moments = moments_lib.Moments

_ARRAYS = {
    'moments': ('second', 'first', 'count'),
    'bases': ('vectors', 'eigenvalues', 'rank')}


def save(path: str | os.PathLike[str], what: Moments | Bases, of: Any = None) -> None:
  """Writes moments or bases, as `checkpoints.save` writes parameters.

  Args:
    path: a .npz file, or the name of a new Orbax folder.
    what: of `accumulate` or of `null_space_bases`.
    of: whose they are, for `identity.describe`.
  """
  kind = 'moments' if isinstance(what, Moments) else 'bases'
  arrays, sites = {}, []
  for i, item in enumerate(what):
    arrays |= {f'{i}-{name}': getattr(item, name) for name in _ARRAYS[kind]}
    fixed = getattr(item, 'fixed', None)
    arrays |= {f'{i}-fixed-{j}': leaf for j, leaf in enumerate(fixed or ())}
    sites.append({**item.site._asdict(), 'free': getattr(item, 'free', None),
                  'fixed': fixed is not None})
  about = json.dumps({'kind': kind, 'sites': sites, 'of': identity.describe(of)}).encode()
  checkpoints.save(path, {**arrays, 'about': np.frombuffer(about, np.uint8)})


def load(path: str | os.PathLike[str], of: Any = None) -> Any:
  """Reads what `save` wrote: moments or bases.

  Args:
    path: as for `save`.
    of: whose they must be; None takes any.

  Returns:
    The moments or the bases, on the default device.

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
        f'{path} holds neither moments nor bases; parameters are read by '
        '`checkpoints.load`.')
  about = json.loads(stored['about'].tobytes())
  if of is not None:
    identity.check(path, f'the {about["kind"]}', about.get('of') or {}, of)
  by_path: dict[str, tuple] = {}
  for i, site in enumerate(about['sites']):
    read = lambda name, i=i: jnp.asarray(stored[f'{i}-{name}'])
    values = {name: read(name) for name in _ARRAYS[about['kind']]}
    free, has_fixed = site.pop('free'), site.pop('fixed')
    fields: dict[str, Any] = {
        key: tuple(v) if isinstance(v, list) else v for key, v in site.items()}
    where = capture.Site(**fields)
    if about['kind'] == 'moments':
      fixed = ((read('fixed-0'), read('fixed-1'), read('fixed-2'))
               if has_fixed else None)
      item = moments_lib.Moment(where, **values, fixed=fixed)
    else:
      item = null_space.Basis(where, free, **values)
    by_path[where.path] = (*by_path.get(where.path, ()), item)
  return Moments(by_path) if about['kind'] == 'moments' else Bases(by_path)
