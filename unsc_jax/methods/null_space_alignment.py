"""Null space + alignment: forget features become those of a retained class.

`B` examples of a batch, `d` features, `C` classes.
"""

from collections.abc import Callable
import dataclasses
import functools
from typing import Any, NamedTuple

import jax
from jax import lax
import jax.numpy as jnp
import optax

from unsc_jax import moments as moments_lib
from unsc_jax import null_space
from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import head
from unsc_jax.parts import lengths
from unsc_jax.parts import objectives
from unsc_jax.parts import optimizers
from unsc_jax.parts import passes
from unsc_jax.parts import schedules
from unsc_jax.parts import targets

_einsum = functools.partial(jnp.einsum, precision=lax.Precision.HIGHEST)


class ClassFeatures(NamedTuple):
  """What the retained features of every class look like."""
  mean: jax.Array  # [C, d]
  whiten: jax.Array  # [C, d, d] the inverse root of the covariance


def null_space_alignment(
    combine: null_space.Combine | null_space.Confinement | None = None,
    optimizer: optax.GradientTransformation | None = None,
    *,
    filter: null_space.Filter | float | None = None,
    drift_budget: float | None = None,
    weight: float = 10.,
    floor: float = 1e-3,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int = 256,
    moments_batch_size: int = 256,
    select: moments_lib.Select = moments_lib.all_of_them,
) -> problem_lib.Method:
  r"""Forgets in the features, in what the retained inputs leave free.

  .. math::
    \Delta W = P\, \mathrm{opt}(P\, \nabla_W L), \qquad
    L = \mathrm{CE}(f_\theta(x), \hat y) + \lambda\, D(Z_f)

  with UNSC's projection `P` and pseudo-labels, and `D` the distance of the forget
  features from those of the class that each example is now taken for, see
  `mismatch`. UNSC alone changes what the head answers; a head that is trained
  anew on its features finds the class again. The projection is not only there to
  protect: without it the loss is met by moving all features alike, and the class
  stays as easy to find. For whole classes.

  Args:
    combine: from the moments of the retained classes to bases, as for `unsc`.
    optimizer: any of Optax; it is confined by `project_updates`. Adam at 1e-3.
    filter: what the pooled classes do to an update, in place of `combine`:
      `null_space.soft(3e-3)`, which is the default and leaves more room than answers
      need, since features need more; or a cut, `null_space.hard(.9)`; or
      `null_space.two_sided()`, for a backward pass over the retained data more.
    drift_budget: how far the outputs of every layer may move on the retained inputs,
      relative to what they were, .05 for 5 %; by default as far as they do.
    weight: `lambda`.
    floor: added to every class's covariance, relative to its mean eigenvalue.
    steps: updates to make, 200 by default. More forget more, and move more.
    epochs: instead, over the forget set.
    batch_size: forget examples a step, several times `d`.
    moments_batch_size: retained examples a step of the passes for the moments.
    select: which layers may be trained, from a `Site` to a boolean: leave out one that
      is too wide for a `[d, d]` matrix, as `lambda site: site.folded[1] < 10_000` does.

  Returns:
    The method. Cost: two passes over the retained data and `3 * steps *
    batch_size` passes; the retained data are not touched again.

  Raises:
    ValueError: both `combine` and `filter` are given, or the budget is not positive;
      when used: the request is not one of whole classes.

  Example:
    >>> method = null_space_alignment(optimizer=optax.adam(1e-3), weight=10., steps=200)

  Source: **ours**, from no paper. What it gains, and what not, is measured in
  `docs/null-space-alignment.md` and `docs/soft-null-space.md`.
  """
  confined_to = null_space.chosen(combine, filter, null_space.soft(3e-3))
  schedule = schedules.forget_only(
      lengths.unless(epochs, steps, 200), batch_size, epochs=epochs)

  def given(problem, key):
    del key
    return class_features(problem, floor, moments_batch_size)

  def method(problem, key):
    parts.whole_classes(problem, 'null-space alignment')
    loss = functools.partial(_Loss, read=head.inputs(problem), weight=weight)
    return parts.compose(
        objective=objectives.Objective(loss, forget=targets.pseudo_labels(), given=given),
        transform=optimizers.null_space(
            optimizer or optax.adam(1e-3), confined_to,
            batch_size=moments_batch_size, select=select, drift_budget=drift_budget),
        schedule=schedule)(problem, key)
  return method


@dataclasses.dataclass(frozen=True)
class _Loss:
  """The error on pseudo-labels, and how far the features are from those of their class."""
  fn: Callable
  read: Callable
  weight: float

  def __call__(self, params: Any, batch: Any, key: jax.Array, *kept: jax.Array
               ) -> tuple[jax.Array, Any]:
    del key
    x, y = batch.forget.x, batch.forget.y
    value = objectives.cross_entropy(self.fn(params, x), y)
    # XLA shares the two forward passes.
    value += self.weight * mismatch(self.read(params, x), y, ClassFeatures(*kept))
    return value, params


def class_features(
    problem: problem_lib.Problem, floor: float, batch_size: int = 256
) -> ClassFeatures:
  """Mean and spread of each retained class's head inputs; a pass over the data.

  Forgotten classes have zeros, and are no example's pseudo-label.
  """
  path, features = head.site(problem).path, {}
  for c in problem.retain_classes:
    moment = passes.moment(
        problem, path, problem.retain.where(problem.retain.labels == c).x, batch_size)
    features[c] = _whitening(
        moment.first, moment.count, *null_space.eigh(moment.covariance), floor)
  nothing = jax.tree.map(jnp.zeros_like, next(iter(features.values())))
  each = [features.get(c, nothing) for c in range(problem.num_classes)]
  return ClassFeatures(*map(jnp.stack, zip(*each)))


@jax.jit
def _whitening(first, count, values, u, floor):
  """The mean, and the inverse root of the covariance, of a layer of one block."""
  values = jnp.maximum(values, 0) + floor * values.mean()
  return first[0] / count[0], _einsum('ij,j,kj->ik', u[0], values[0]**-.5, u[0])


def mismatch(z: jax.Array, y: jax.Array, kept: ClassFeatures) -> jax.Array:
  r"""How far features lie, on average, from the retained ones of their class.

  .. math:: D = \frac{1}{2d} \bigl| \mathrm{mean}_i\,
    \Sigma_{y_i}^{-1/2} (z_i - \mu_{y_i}) \bigr|^2

  Half a squared Mahalanobis distance for each feature: the smaller the retained
  classes' spread along a direction, the better a linear probe tells forget
  features by it, and the more it counts. Only the mean is held to, so that the
  examples may keep differing as the class's own do.

  Args:
    z: features `[B, d]`.
    y: class of each `[B]`.
    kept: of the retained classes.

  Returns:
    A scalar.

  Example:
    >>> kept = ClassFeatures(jnp.zeros((1, 1)), jnp.ones((1, 1, 1)))
    >>> print(mismatch(jnp.array([[3.], [1.]]), jnp.array([0, 0]), kept))
    2.0
  """
  # By class before it is whitened, or every example would need a matrix of its own.
  shifts = z - kept.mean[y]
  per_class = jax.nn.one_hot(y, len(kept.mean), dtype=shifts.dtype)
  shift = _einsum('bc,bi->ci', per_class, shifts) / len(y)
  return jnp.sum(_einsum('ci,cij->j', shift, kept.whiten)**2) / (2 * z.shape[-1])
