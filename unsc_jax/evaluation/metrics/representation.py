"""What the features still know, whatever the head makes of them.

Penultimate features of a model, `N` examples, `d` features. Class unlearning
that only edits the head scores 0 on forget accuracy and changes nothing here.
No figure is good or bad on its own: a *retrained* model's features separate a
class that it never saw, too, so every one is read as a gap to its figure.
"""

import functools
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import null_space
from unsc_jax.evaluation.metrics import checks
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import precision
from unsc_jax.evaluation.metrics import resampling


class DimensionalAlignment(NamedTuple):
  """Three forms of one idea, all in 0..1, and the ranks they used."""
  energy: estimate_lib.Estimate  # DA-a
  sample: estimate_lib.Estimate  # DA-b
  subspace: estimate_lib.Estimate  # DA-c
  retain_rank: jax.Array
  forget_rank: jax.Array


@precision.precise
def linear_cka(features: chex.Array, reference: chex.Array) -> estimate_lib.Estimate:
  """Linear centred kernel alignment of two models' features.

  ‖Xᵀ Y‖² / (‖Xᵀ X‖ ‖Yᵀ Y‖), centred: 1 for equal up to rotation and scale.

  Good is what two retrained models reach with each other. It can be
  manipulated, and is biased upwards when N is not much larger than d: never
  use it alone.

  Args:
    features: [N, d].
    reference: [N, d'] of the other model on the same examples.

  Returns:
    Estimate of scalars in 0..1, jackknife interval: the examples' order should be
    a random one.

  Raises:
    ValueError: if features are the same for every example.

  Example:
    >>> x = jnp.array([[1., 2.], [3., 5.], [0., 1.]])
    >>> round(float(linear_cka(x, -3 * x[:, ::-1]).value), 3)
    1.0

  Source: Kornblith et al., arXiv 1905.00414, eq. 3; exact.
  """
  x = checks.features(features, 'features')
  y = checks.features(reference, 'reference')
  if x.shape[0] != y.shape[0]:
    raise ValueError(f'features and reference should have the same examples, '
                     f'but have {x.shape[0]} and {y.shape[0]}.')
  if not checks.holds(lambda a, b: np.any(a != a[0]) and np.any(b != b[0]), x, y):
    raise checks.DoesNotApply(
        'Features are the same for every example (collapsed): CKA is not defined there.')
  return resampling.share(_cka, (x, y))


def _centred(z):
  z = z - jnp.mean(z, axis=0, keepdims=True)
  return z / jnp.maximum(jnp.max(jnp.abs(z)), jnp.finfo(z.dtype).tiny)


@jax.jit
def _cka(pair):
  x, y = map(_centred, pair)
  size = lambda a, b: jnp.linalg.norm(jnp.matmul(a.T, b, precision='highest'))
  return size(x, y)**2 / (size(x, x) * size(y, y))


def _directions(features: jax.Array, energy: float, rank: int | None):
  """Eigenvectors [d, d] and a mask [d] of the leading ones."""
  moment = jnp.matmul(features.T, features, precision='highest')
  values, vectors = null_space.eigh(moment / features.shape[0])
  leading = null_space.energy_rank(energy)(values) if rank is None else rank
  return vectors, (jnp.arange(values.size) < leading).astype(features.dtype)


@precision.precise
def dimensional_alignment(retain: chex.Array, forget: chex.Array, *,
                          energy: float = 0.99,
                          rank: int | None = None) -> DimensionalAlignment:
  """How much of the forget features the retain features' directions explain.

  With V the leading k eigenvectors of the uncentred second moment of retain
  features (V_f of forget features, k_f of them):
    DA-a, energy:   ‖Z_f V‖² / ‖Z_f‖²
    DA-b, sample:   mean over x of ‖Vᵀ z_x‖² / ‖z_x‖²; zero features left out
    DA-c, subspace: ‖Vᵀ V_f‖² / min(k, k_f), mean squared cosine of the
                    principal angles

  Retrained models align, models that know a class give it a direction of its
  own. Read it as |DA - DA_retrained|, with the rank and the retain accuracy
  beside it: collapsed features align perfectly, so above the retrained model's
  is over-unlearning or damage, not success.

  Args:
    retain: [N_r, d].
    forget: [N_f, d].
    energy: k is the smallest rank that keeps this share of the eigenvalues.
    rank: k itself instead, for both sets.

  Returns:
    DimensionalAlignment of scalars; jackknife intervals, for which the order of
    each set's examples should be a random one.

  Example:
    >>> retain, forget = jnp.array([[1., 0.]]), jnp.array([[1., 1.]])
    >>> round(float(dimensional_alignment(retain, forget).energy.value), 3)
    0.5

  Source: **a reconstruction** of the metric of MUDA (arXiv 2407.17710), whose
  exact normalisation could not be verified; hence all three forms.
  """
  retain = checks.features(retain, 'retain')
  forget = checks.features(forget, 'forget')
  if retain.shape[1] != forget.shape[1]:
    raise ValueError('retain and forget should be features of one layer, but '
                     f'have {retain.shape[1]} and {forget.shape[1]} of them.')
  if not 0 < energy <= 1:
    raise ValueError(f'energy is {energy}, but should lie in (0, 1].')
  if rank is not None and not 1 <= checks.count(rank, 'rank') <= retain.shape[1]:
    raise ValueError(f'rank is {rank}, but should lie in 1..{retain.shape[1]}.')
  for name, z in (('retain', retain), ('forget', forget)):
    if not checks.holds(np.any, z):
      raise checks.DoesNotApply(
          f'All {name} features are zero (collapsed): alignment is not defined there.')
  of_energy, of_samples, of_subspaces, k, k_f = resampling.share(
      functools.partial(_alignment, energy=energy, rank=rank),
      *(precision.scaled(z)[0] for z in (retain, forget)), blind_to_zeros=True)
  return DimensionalAlignment(of_energy, of_samples, of_subspaces, k.value, k_f.value)


@functools.partial(jax.jit, static_argnames=('energy', 'rank'))
def _alignment(retain, forget, energy, rank):
  v, kept = _directions(retain, energy, rank)
  v_f, kept_f = _directions(forget, energy, rank)
  # Each example by its own size, since the square of a small one would vanish.
  size = jnp.max(jnp.abs(forget), axis=1)
  some = size > 0
  forget = forget / jnp.where(some, size, 1)[:, None]
  inside = jnp.square(jnp.matmul(forget, v, precision='highest')) @ kept
  total = jnp.sum(jnp.square(forget), axis=1)
  shares = jnp.where(some, inside / jnp.where(some, total, 1), 0)
  inside, total = (jnp.square(size) * x for x in (inside, total))
  cosines = jnp.square(jnp.matmul(v.T, v_f, precision='highest'))
  k, k_f = jnp.sum(kept), jnp.sum(kept_f)
  return (jnp.sum(inside) / jnp.sum(total), jnp.sum(shares) / jnp.sum(some, dtype=shares.dtype),
          kept @ cosines @ kept_f / jnp.minimum(k, k_f), k, k_f)
