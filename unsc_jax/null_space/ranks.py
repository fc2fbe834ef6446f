"""How many directions of a layer's inputs to keep, by their eigenvalues.

A rule maps eigenvalues `[..., d]`, largest first, to ranks `[...]`: on the host arrays
of NumPy, so that nothing is compiled for it; under `jax.jit` those of JAX.
"""

from collections.abc import Callable
import dataclasses
import numbers
from typing import Any, ClassVar

import jax
from jax import core
import jax.numpy as jnp

RankRule = Callable[[jax.Array], jax.Array]
Energy = float | RankRule  # a share of the energy to keep, or a rule


class NoRule:
  """What is called as a rule is, and is none; it says where it belongs."""
  belongs: ClassVar[str]


def number(name: str, value: Any, such_as: str = '0.99') -> Any:
  """What was chosen as it is, which is one real number, an array without axes among them.

  Args:
    name: what was chosen.
    value: as it was given.
    such_as: an example of one that will do.

  Raises:
    ValueError: it is none.

  Example:
    >>> number('energy', '.9')
    Traceback (most recent call last):
    ValueError: energy is one number, not '.9'; such as 0.99.
  """
  of_array = (getattr(value, 'shape', None) == ()
              and not jnp.issubdtype(value.dtype, jnp.complexfloating))
  if not of_array and not isinstance(value, numbers.Real):
    raise ValueError(f'{name} is one number, not {value!r}; such as {such_as}.')
  return value


def static(name: str, value: Any, such_as: str = '0.99') -> float:
  """What was chosen as a float, by which choices are equal and can be hashed.

  Raises:
    TypeError: it is traced.
    ValueError: it is not one real number, or beyond all floats.
  """
  if isinstance(value, core.Tracer):
    raise TypeError(
        f'{name} is a number of the choice itself and cannot be traced; choose outside of '
        'jax.jit, or with the argument among its static_argnames.')
  try:
    return float(number(name, value, such_as))
  except OverflowError:
    raise ValueError(
        f'{name} is one number, not one beyond all floats; such as {such_as}.') from None


@dataclasses.dataclass(frozen=True)
class energy_rank:
  r"""Keeps the fewest directions that carry a share of the energy.

  .. math:: k = \min \{ k \ge 1 :
    \textstyle\sum_{i \le k} \lambda_i \ge \epsilon \sum_i \lambda_i \}

  Args:
    energy: the share, in (0, 1].

  Raises:
    ValueError: the share is not in (0, 1].

  Example:
    >>> import numpy as np
    >>> energy_rank(.9)(np.array([6., 3., 1.])).item()
    2

  Source: the criterion of GPM and UNSC, exact. Their published code stops one
  short of it and can keep nothing at all.
  """
  energy: float

  def __post_init__(self):
    object.__setattr__(self, 'energy', static('energy', self.energy))
    if not 0 < self.energy <= 1:
      raise ValueError(
          f'energy is a share of the total in (0, 1], not {self.energy}; try 0.99.')

  def __call__(self, eigenvalues: jax.Array) -> jax.Array:
    xp = eigenvalues.__array_namespace__()
    total = xp.cumsum(_relative(eigenvalues), -1)
    # Relative to the last partial sum: at energy 1 rounding must not matter.
    short = total < self.energy * total[..., -1:]
    return 1 + xp.minimum(short.sum(-1), eigenvalues.shape[-1] - 1)


@dataclasses.dataclass(frozen=True)
class published_rank(energy_rank):
  r"""The rank that UNSC's published code keeps: one short of the energy.

  .. math:: k = \# \{ k : \textstyle\sum_{i \le k} \lambda_i
    < \epsilon \sum_i \lambda_i \}

  Where the first direction has the energy by itself, nothing is kept and the layer
  is free: a quirk, which `energy_rank` does not have.

  Args:
    energy: the share, in (0, 1].

  Raises:
    ValueError: the share is not in (0, 1].

  Example:
    >>> import numpy as np
    >>> values = np.array([6., 3., 1.])
    >>> [int(published_rank(share)(values)) for share in (.5, .9, .99)]
    [0, 1, 2]

  Source: UNSC's code, exact.
  """

  def __call__(self, eigenvalues: jax.Array) -> jax.Array:
    return super().__call__(eigenvalues) - 1


@dataclasses.dataclass(frozen=True)
class threshold_rank:
  """Keeps every direction whose eigenvalue exceeds a share of the largest.

  Below about 1e-6 float32 eigenvalues are rounding noise; use it with
  `eigh_float64` for tighter thresholds.

  Args:
    relative: the share of the largest eigenvalue.

  Raises:
    ValueError: the share is not in [0, 1).

  Example:
    >>> import numpy as np
    >>> threshold_rank(1e-3)(np.array([1., .5, 1e-7])).item()
    2
  """
  relative: float = 1e-6

  def __post_init__(self):
    object.__setattr__(self, 'relative', static('the threshold', self.relative, '1e-6'))
    if not 0 <= self.relative < 1:
      raise ValueError(
          f'the threshold is a share of the largest eigenvalue in [0, 1), not '
          f'{self.relative}; try 1e-6.')

  def __call__(self, eigenvalues: jax.Array) -> jax.Array:
    exceeds = _relative(eigenvalues) > self.relative
    return eigenvalues.__array_namespace__().maximum(1, exceeds.sum(-1))


def _relative(eigenvalues: jax.Array) -> jax.Array:
  """As shares of the largest, whose sums are in range; zero for negative ones."""
  xp, largest = eigenvalues.__array_namespace__(), eigenvalues[..., :1]
  return xp.maximum(eigenvalues, 0) / xp.where(largest > 0, largest, 1)


def rank_rule(energy: Energy) -> RankRule:
  """A rule as it is; a number as the share of the energy to keep.

  Raises:
    TypeError: it is called as a rule is, but known to be none.
    ValueError: the share is not in (0, 1].

  Example:
    >>> rank_rule(threshold_rank)
    Traceback (most recent call last):
    TypeError: a share of the energy or ... this is the class threshold_rank; call it...
  """
  if isinstance(energy, NoRule | type):
    tell = (f'the class {energy.__name__}; call it, as in `{energy.__name__}()`'
            if isinstance(energy, type) else f'a {type(energy).__name__}; {energy.belongs}')
    raise TypeError(
        f'a share of the energy or a rule for ranks is wanted here, and this is {tell}.')
  return energy if callable(energy) else energy_rank(energy)


def checked(energy: Energy) -> Energy:
  """A rule as it is; a share of the energy as a float. Raises as `rank_rule`."""
  rule = rank_rule(energy)
  return rule if callable(energy) else static('energy', energy)


def of_rule(rule: RankRule, eigenvalues: jax.Array) -> Any:
  """The ranks `[...]` that a rule gives of eigenvalues `[..., d]`.

  Raises:
    ValueError: it gives something of another shape.
  """
  found = rule(eigenvalues)
  if jnp.shape(found) != eigenvalues.shape[:-1]:
    raise ValueError(
        f'a rule gives the rank of each of {len(eigenvalues)} layers, not an array of '
        f'shape {jnp.shape(found)}; how much of a direction passes is told to `spectral`.')
  return found
