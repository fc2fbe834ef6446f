"""UNSC: unlearning in the null space of what remains."""

import jax
import optax

from unsc_jax import moments as moments_lib
from unsc_jax import null_space
from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import lengths
from unsc_jax.parts import objectives
from unsc_jax.parts import optimizers
from unsc_jax.parts import schedules
from unsc_jax.parts import stopping
from unsc_jax.parts import targets


def unsc(
    combine: null_space.Combine | null_space.Confinement | None = None,
    optimizer: optax.GradientTransformation | None = None,
    *,
    filter: null_space.Filter | float | None = None,
    drift_budget: float | None = None,
    target: targets.Target | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int = 128,
    stop_below: float = .005,
    moments_batch_size: int = 256,
    moments_examples: int | None = None,
    select: moments_lib.Select = moments_lib.all_of_them,
) -> problem_lib.Method:
  r"""Machine unlearning via null space calibration.

  .. math::
    \Delta W = P\, \mathrm{opt}(P\, \nabla_W L), \quad
    P = \tau' \Bigl(\frac Mn + \tau' I\Bigr)^{-1}, \quad
    L = \mathrm{CE}(f_\theta(x), \hat y(x)), \; x \in D_f

  For every layer, `M` is the second moment of its inputs on the retained data, and `P`
  takes from an update what these use, so that what remains is answered as before. The
  paper cuts in the place of damping: :math:`P = I - Q Q^\top`, where `Q` spans most of
  the inputs' energy, which is `filter=null_space.hard(.99)`. Of whole classes, forget
  examples learn their most likely remaining class; single examples learn to be answered
  as unseen ones of their label are, not wrongly. Biases, scales and running statistics
  are frozen, and dropout is off.

  Args:
    combine: from the moments of the retained classes to bases:
      `null_space.pooled()`, `merged()` or `sequential()`; or bases.
    optimizer: any of Optax; it is confined by `project_updates`. The default is
      Adam at 1e-3, which stays as fast when little passes. Where its rate is chosen, SGD
      with momentum moves less and keeps more, see `unsc_momentum` in `docs/tables.md`.
    filter: what the pooled classes do to an update, in place of `combine`:
      `null_space.soft(1e-3)`, which is the default: it needs no eigenvectors, and in
      `docs/soft-null-space.md` it forgets more and moves less than
      `null_space.hard(.99)`, the paper's cut; or `null_space.two_sided()`, for a
      backward pass over the retained data more.
    drift_budget: how far the outputs of every layer may move on the retained inputs,
      relative to what they were, .05 for 5 %; by default as far as they do.
    target: what forget examples should say; `targets.pseudo_labels()` of whole
      classes, `targets.unseen_answers()` of single examples.
    steps: updates to make at most, 200 by default.
    epochs: instead, over the forget set.
    batch_size: forget examples a step.
    stop_below: mean probability of the forget examples' labels under which to
      stop; going on would only move what should stay. Of single examples, it
      stops nine tenths of the way to what unseen ones have. Negative to make all steps.
    moments_batch_size: retained examples a step of the pass for the moments.
    moments_examples: about how many of them to take the moments of, evenly spread
      over every retained class, in whole batches; by default all.
    select: which layers may be trained, from a `Site` to a boolean: leave out one that
      is too wide for a `[d, d]` matrix, as `lambda site: site.folded[1] < 10_000` does; or
      those that come early in a deep network, which in `docs/soft-null-space.md` forgets
      as much by its last four and keeps more.

  Returns:
    The method. Cost: one pass over the retained data for their moments, one over
    the forget set for its labels, `3 * steps * batch_size` passes over it, and one
    over at most 500 of its examples after every few steps, to see when to stop.
    The retained data are not touched again. Requests of single examples read
    `problem.held_out` besides, once for the targets and once for the stop.

  Raises:
    ValueError: both `combine` and `filter` are given, or the budget is not positive.

  Example:
    >>> import numpy as np
    >>> import jax.numpy as jnp
    >>> from unsc_jax.problem import Examples, Network, Problem
    >>> network = Network(lambda params, x: x @ params['w'])
    >>> x = np.eye(2, dtype=np.float32)  # what class 0 reads is not touched
    >>> retain, forget = (Examples(x[[c]], np.array([c])) for c in (0, 1))
    >>> problem = Problem(network, {'w': jnp.eye(2)}, retain, forget, 2, (1,))
    >>> method = unsc(
    ...     filter=null_space.hard(), optimizer=optax.sgd(1.), steps=5, stop_below=-1.)
    >>> w = method(problem, jax.random.key(0)).params['w']
    >>> print(w[0], w[1].argmax())
    [1. 0.] 0

  Source: UNSC (Chen et al., IJCAI 2024); with `null_space.hard` exact after the authors'
  code but for the flaws that `docs/methods.md` tells; the paper's text was not read, and
  its equations' numbers are from others. The soft filter is ours, and so is forgetting
  single examples; closest to its targets is ReGUn (arXiv 2603.11210).
  """
  return parts.compose(
      name='unsc',
      objective=objectives.objective(
          forget=objectives.cross_entropy,
          forget_target=target or _target),
      transform=optimizers.null_space(
          optimizer or optax.adam(1e-3), null_space.chosen(combine, filter, null_space.soft()),
          batch_size=moments_batch_size, examples=moments_examples,
          select=select, drift_budget=drift_budget),
      schedule=schedules.forget_only(
          lengths.unless(epochs, steps, 200), batch_size, epochs=epochs),
      watch=stopping.until_forgotten(stop_below, short=.1))


def _target(problem: problem_lib.Problem, key: jax.Array):
  """What suits the request."""
  if problem.forget_classes:
    return targets.pseudo_labels()(problem, key)
  return targets.unseen_answers()(problem, key)
