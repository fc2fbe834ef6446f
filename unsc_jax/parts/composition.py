"""A method from at most four slots: edit, objective, transform, schedule."""

from collections.abc import Callable
import contextlib
import time
from typing import Any, NamedTuple

import jax
import optax

from unsc_jax import moments as moments_lib
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import programs
from unsc_jax import storage
from unsc_jax import training
from unsc_jax.parts import objectives
from unsc_jax.parts import outcome
from unsc_jax.parts import schedules


class Stopwatch:
  """Adds up the wall time of named phases.

  Example:
    >>> stopwatch = Stopwatch()
    >>> with stopwatch('nothing'):
    ...   pass
    >>> list(stopwatch.seconds)
    ['nothing']
  """

  def __init__(self):
    self.seconds: dict[str, float] = {}

  @contextlib.contextmanager
  def __call__(self, phase: str):
    start = time.perf_counter()
    try:
      yield
    finally:
      spent = time.perf_counter() - start
      self.seconds[phase] = self.seconds.get(phase, 0) + spent


Edit = Callable[[problem_lib.Problem, jax.Array], problem_lib.Params]


class Confined(NamedTuple):
  """An optimiser, and what it is confined to, for the record."""
  optimizer: optax.GradientTransformation
  moments: moments_lib.Moments | None = None
  bases: null_space.Confinement | None = None


Transform = Callable[
    [problem_lib.Problem, problem_lib.Params, jax.Array], Confined]


def compose(
    *, edit: Edit | None = None,
    objective: objectives.Objective | None = None,
    transform: optax.GradientTransformation | Transform | None = None,
    schedule: schedules.Schedule | None = None,
    watch: Callable[[problem_lib.Problem], training.Watch] | None = None,
    name: str = 'compose',
) -> problem_lib.Method:
  r"""Puts a method together.

  .. math:: \theta \leftarrow \text{edit}(\theta_0), \quad \text{then} \quad
    \theta \leftarrow \theta + \text{transform}(\nabla_\theta L(\theta; B)),
    \quad B \sim \text{schedule}

  All passes run the network as in evaluation: dropout off, running statistics
  used and left alone.

  Args:
    edit: `(problem, key) -> params`, in one step. Without it training starts
      from the original parameters; with nothing else, the edit is all.
    objective: of `objectives`.
    transform: an optimiser, or `(problem, params, key) -> Confined` where it
      depends on the data: null space, saliency. `params` are the edited ones.
    schedule: of `schedules`.
    watch: from the problem to what looks on while it trains, and may stop it.
    name: of the function that puts it together, by which tables know the method.

  Returns:
    The method. It warns if it has moved nothing, or not come to its stop.

  Raises:
    ValueError: there is nothing to do, or one of objective, transform and
      schedule is missing.

  Example:
    >>> fine_tune = compose(
    ...     objective=objectives.objective(retain=objectives.cross_entropy),
    ...     transform=optax.sgd(.01), schedule=schedules.retain_only(100))
  """
  training_slots = (objective, transform, schedule)
  if any(slot is None for slot in training_slots) and (
      edit is None or any(slot is not None for slot in training_slots)):
    raise ValueError(
        'training takes an objective, a transform and a schedule, all three; '
        'without them, compose takes an edit alone.')

  def method(problem, key):
    stopwatch = Stopwatch()
    edit_key, *keys = programs.split(key, 4)
    params = problem.params
    if edit is not None:
      with stopwatch('edit'):
        params = jax.block_until_ready(edit(problem, edit_key))
    if objective is None:
      return outcome.told(problem, problem_lib.Unlearned(
          problem.fn, params, {}, stopwatch.seconds))
    return train(problem, params, objective, transform, schedule, keys, stopwatch,
                 watch)
  method.__qualname__ = f'{name}.<locals>.method'  # as if it were of that function's own
  return method


def train(
    problem, params, objective, transform, schedule, keys, stopwatch, watch=None,
    *, loop: str = 'unlearning',
) -> problem_lib.Unlearned:
  """The training part of a method, from any parameters.

  A method that trains more than once gives each `loop` a name of its own.
  """
  target_key, transform_key, loss_key = keys
  retarget = lambda examples, target, key: (
      examples if target is None else examples.replace(y=target(problem, key)))
  target_keys, (order_key, loss_key) = (
      programs.split(target_key, 3), programs.split(loss_key))
  with stopwatch('targets'):
    forget = retarget(problem.forget, objective.forget, target_keys[0])
    retain = retarget(problem.retain, objective.retain, target_keys[1])
    given = objective.given(problem, target_keys[2])
  confined = Confined(transform)
  if not _is_optimizer(transform):
    with stopwatch('constraint'):
      confined = transform(problem, params, transform_key)

  identity = lambda: {
      **problem.identity(), 'targets': storage.fingerprint([forget.y, retain.y]),
      'schedule': schedule, 'watch': watch, 'forget_classes': problem.forget_classes}
  looking = watch and watch(problem)
  with stopwatch('steps'):
    plan = schedule(forget, retain, order_key)
    fitted = training.fit(
        objective.loss(problem.fn), confined.optimizer, params, plan.batches,
        steps=plan.steps, key=loss_key, given=given,
        trainable=problem.trainable, session=problem.session, label=loop,
        watch=looking, identity=identity, kinds=(
            schedules.Batch(forget=forget), schedules.Batch(retain=retain),
            schedules.Batch(forget, retain)))
  unlearned = problem_lib.Unlearned(
      problem.fn, fitted.params, fitted.history, stopwatch.seconds,
      confined.moments, confined.bases)
  return outcome.told(problem, unlearned, looking=looking,
                      stopped=len(fitted.history['loss']) < plan.steps)


def _is_optimizer(transform: Any) -> bool:
  """Whether it is used as Optax's are: `optax.MultiSteps` is none of its types."""
  return all(callable(getattr(transform, name, None)) for name in ('init', 'update'))


def whole_classes(problem: problem_lib.Problem, name: str) -> tuple[int, ...]:
  """The forgotten classes; raises if the request is one of single examples."""
  if not problem.forget_classes:
    raise ValueError(
        f'{name} forgets whole classes, and this request names none; set '
        'forget_classes, or choose a method that takes single examples.')
  return problem.forget_classes
