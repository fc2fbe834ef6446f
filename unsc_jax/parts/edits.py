"""Edits of the weights: one step, no training.

Functions on pytrees like the parameters. A mask is 1 where an entry is
edited.
"""

from collections.abc import Callable, Mapping
import dataclasses
import functools
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp

from unsc_jax import capture
from unsc_jax import paths
from unsc_jax import problem as problem_lib
from unsc_jax.problem import trainable


def reset(params: Any, fresh: Any, mask: Any) -> Any:
  r"""Puts other values where the mask is 1: `(1 - m) θ + m θ'`.

  Args:
    params: pytree of arrays.
    fresh: like it, say a new initialisation.
    mask: like it, booleans.

  Returns:
    The edited parameters.

  Example:
    >>> print(reset(jnp.array([1., 2.]), jnp.zeros(2), jnp.array([True, False])))
    [0. 2.]
  """
  return _each(_replaced, params, fresh, mask)


def _each(edit: Callable, params: Any, *others: Any) -> Any:
  """Edits floating leaves, which keep their dtypes; the rest stays as it is."""
  tree = jax.tree.structure(params)
  rows = list(zip(tree.flatten_up_to(params), *map(tree.flatten_up_to, others)))
  edited = iter(_edited(edit, [row for row in rows if trainable.is_floating(row[0])]))
  return tree.unflatten([
      next(edited) if trainable.is_floating(leaf) else leaf for leaf, *_ in rows])


@functools.partial(jax.jit, static_argnums=0)
def _edited(edit: Callable, rows: list[tuple[Any, ...]]) -> list[jax.Array]:
  return [edit(*row).astype(jnp.result_type(row[0])) for row in rows]


def _replaced(old, new, mask):
  return jnp.where(mask, new, old)


def _pruned(old, mask):
  return jnp.where(mask, 0, old)


def _noisy(w, variance, key):
  return w + jnp.sqrt(variance) * jax.random.normal(key, w.shape, w.dtype)


@dataclasses.dataclass(frozen=True)
class _Dampened:
  """The edit of `dampen`."""
  alpha: float
  strength: float

  def __call__(self, w, f_all, f_forget):
    chosen = f_forget > self.alpha * f_all
    factor = self.strength * f_all / jnp.where(chosen, f_forget, 1)
    return jnp.where(chosen, w * jnp.minimum(1, factor), w)


def prune(params: Any, mask: Any) -> Any:
  """Sets entries to zero where the mask is 1.

  Example:
    >>> print(prune(jnp.array([1., 2.]), jnp.array([True, False])))
    [0. 2.]
  """
  return _each(_pruned, params, mask)


def dampen(
    params: Any, everything: Any, forget: Any, *, alpha: float, strength: float
) -> Any:
  r"""Shrinks the weights that matter for the forget set above all.

  .. math:: \theta_j \leftarrow \theta_j
    \min(1, \lambda F^{all}_j / F^{forget}_j)
    \quad \text{where } F^{forget}_j > \alpha F^{all}_j

  Args:
    params: pytree of arrays.
    everything: importances of the parameters for all training data.
    forget: importances for the forget set.
    alpha: how much more important a weight has to be to be touched.
    strength: `lambda`; smaller shrinks more.

  Returns:
    The dampened parameters.

  Example:
    >>> F = jnp.ones(2)
    >>> print(dampen(F, F, jnp.array([.5, 4.]), alpha=2., strength=1.))
    [1.   0.25]

  Source: SSD (arXiv 2308.07707), exact from its code.
  """
  return _each(_Dampened(alpha, strength), params, everything, forget)


def project(
    params: Any, matrices: Mapping[str, tuple[capture.Site, jax.Array]]
) -> Any:
  r"""Multiplies weights on their input side: `W ← P W`.

  That is the same as projecting the layer's inputs, `x P W`.

  Args:
    params: pytree of arrays.
    matrices: path to the parameter's site and `P` `[B, d, d]`. Others stay.

  Returns:
    The edited parameters.

  Example:
    >>> site = capture.Site('w', (2, 1), (0,))
    >>> P = jnp.array([[[1., 0.], [0., 0.]]])
    >>> print(project({'w': jnp.ones((2, 1))}, {'w': (site, P)})['w'].ravel())
    [1. 0.]
  """
  def one(path, w):
    name = paths.path_name(path)
    if name not in matrices or not trainable.is_floating(w):
      return w
    site, matrix = matrices[name]
    folded = site.fold(w).astype(jnp.float32)
    edited = jnp.einsum('bij,bjo->bio', matrix, folded,
                        precision=lax.Precision.HIGHEST)
    return site.unfold(edited, w.shape).astype(w.dtype)
  return jax.tree_util.tree_map_with_path(one, params)


def project_trainable(
    problem: problem_lib.Problem, matrices: Mapping[str, tuple[capture.Site, jax.Array]]
) -> Any:
  """The problem's parameters after `project`, but for those that may not move."""
  return project(problem.params, {
      path: matrix for path, matrix in matrices.items() if problem.trainable(path)})


def add_noise(params: Any, variance: Any, key: jax.Array) -> Any:
  r"""Adds independent Gaussian noise: :math:`\theta + \sqrt{v} \epsilon`.

  Args:
    params: pytree of arrays.
    variance: like it.
    key: of the noise.

  Returns:
    The noisy parameters.

  Example:
    >>> w = jnp.ones(3)
    >>> print(add_noise(w, jnp.zeros(3), jax.random.key(0)))
    [1. 1. 1.]
  """
  leaves, tree = jax.tree.flatten(params)
  keys = jax.tree.unflatten(tree, list(jax.random.split(key, len(leaves))))
  return _each(_noisy, params, variance, keys)
