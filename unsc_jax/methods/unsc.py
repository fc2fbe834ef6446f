"""UNSC: unlearning in the null space of what remains."""

import jax
import optax

from unsc_jax import batching
from unsc_jax import moments as moments_lib
from unsc_jax import problem as problem_lib
from unsc_jax import projection
from unsc_jax import spaces
from unsc_jax import targets
from unsc_jax import training
from unsc_jax.methods import clock
from unsc_jax.methods import retained


def unsc(
    combine: spaces.Combine | None = None,
    optimizer: optax.GradientTransformation | None = None,
    *,
    target: targets.Target | None = None,
    steps: int = 100,
    batch_size: int = 128,
    moments_batch_size: int = 256,
) -> problem_lib.Method:
  r"""Machine unlearning via null space calibration.

  .. math::
    \Delta W = P\, \mathrm{opt}(P\, \nabla_W L), \quad
    P = I - Q Q^\top, \quad
    L = \mathrm{CE}(f_\theta(x), \hat y(x)), \; x \in D_f

  For every layer, `Q` spans what its inputs carry on the retained data, so that
  what remains is answered as before. Forget examples learn their most likely
  remaining class `y`. Biases, scales and running statistics are frozen, and
  dropout is off.

  Args:
    combine: from the moments of the retained classes to bases:
      `spaces.pooled()`, `merged()` or `sequential()`.
    optimizer: any of Optax; it is confined by `project_updates`. The default is
      Adam at 1e-3, which keeps its pace when little is free.
    target: what forget examples should say; `targets.pseudo_labels()`.
    steps: updates to make.
    batch_size: forget examples a step.
    moments_batch_size: retained examples a step of the pass for the moments.

  Returns:
    The method. Cost: one pass over the retained data and `3 * steps *
    batch_size` passes; the retained data are not touched again.

  Source: UNSC (Chen et al., IJCAI 2024), algorithms 1 and 2. Differs from the
  published code where that has flaws: it uses the patches that a convolution
  sees, all retained data, a rank that reaches its energy, and no dropout.
  """
  combine = combine or spaces.pooled()
  optimizer = optimizer or optax.adam(1e-3)
  target = target or targets.pseudo_labels()

  def method(problem, key):
    stopwatch = clock.Stopwatch()
    order_key, target_key, loss_key = jax.random.split(key, 3)
    total: list[moments_lib.Moments] = []
    with stopwatch('moments and bases'):
      classes = retained.moments_by_class(problem, moments_batch_size)
      bases = jax.block_until_ready(combine(retained.adding_up(classes, total)))
    with stopwatch('steps'):
      labels = target(problem, target_key)
      data = problem_lib.Examples(problem.forget.x, labels)
      fitted = training.fit(
          training.classify(problem.fn),
          projection.project_updates(optimizer, bases),
          problem.params,
          batching.stream(data, batch_size, batching.seed_of(order_key)),
          steps=steps, key=loss_key, trainable=problem.network.trainable,
          mesh=problem.mesh, progress=problem.progress, label='unlearning')
    return problem_lib.Unlearned(
        problem.fn, fitted.params, fitted.history, stopwatch.seconds,
        moments=total[0], bases=bases)
  return method
