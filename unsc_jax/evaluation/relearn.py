"""Relearn time: how few steps bring back what was forgotten.

What a network has lost it must learn anew; what it only hides comes back at
once. `n` examples of the forget set, `s` measurements.
"""

from collections.abc import Callable
import math
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from unsc_jax import batching
from unsc_jax import problem as problem_lib
from unsc_jax import sharding
from unsc_jax import training
from unsc_jax.evaluation import measured as measured_lib
from unsc_jax.evaluation import outputs
from unsc_jax.evaluation.metrics import checks
from unsc_jax.evaluation.metrics import estimate as estimate_lib
from unsc_jax.evaluation.metrics import signals
from unsc_jax.problem import trainable as trainable_lib

CAP = 40  # steps after which a network is given up
_DRAWS = 3
_FEW = 20  # images of every class to relearn
_WATCHED = 150
_SHARE = .95  # of the original's accuracy counts as regained
_ADAM = optax.adam(1e-3)  # one for all, so that they share a program


class Relearned(NamedTuple):
  """One course of relearning."""
  steps: int  # until the target was reached; the cap where it was not
  reached: bool
  at: np.ndarray  # [s] steps, 0 first
  accuracy: np.ndarray  # [s]


def relearn_time(
    fn: Callable, params: Any, few: problem_lib.Examples,
    watched: problem_lib.Examples, target: float, key: jax.Array, *,
    optimizer: optax.GradientTransformation | None = None,
    trainable: Callable[[str], bool] = lambda path: True,
    batch_size: int = 32, cap: int = 60, every: int = 1,
) -> Relearned:
  r"""Trains on a few examples until the target accuracy is back.

  .. math:: \min \{ t : \mathrm{acc}(\theta_t) \ge a \}, \quad
    \theta_{t+1} = \mathrm{opt}(\theta_t, \nabla L(\theta_t; B_t))

  Good is the time that a retrained network takes, which is not long: one that
  has seen nine classes learns a tenth quickly. Less is residual knowledge,
  more is over-unlearning: the features were damaged (the "Streisand effect" of
  the anamnesis index, which is the ratio of the two times).

  Args:
    fn: `(params, x) -> logits`, without a mask on the outputs: who holds the
      weights can take it off.
    params: of the unlearned network; left as they are.
    few: what to train on: some of the forget set, and as many retained ones
      lest everything be called by the forgotten name.
    watched: unseen examples of what was forgotten.
    target: the accuracy on `watched` to regain, in 0..1.
    key: of the batches.
    optimizer: any of Optax; Adam at 1e-3.
    trainable: tells by path which leaves may move.
    batch_size: examples a step.
    cap: when to give up.
    every: after how many steps to look, each time.

  Returns:
    Relearned; the curve goes on to the cap.

  Raises:
    DoesNotApply: the network says NaN, before or while it learns.
    ValueError: the target is no share, or `cap` or `every` is below one.

  Example:
    >>> few = problem_lib.Examples(np.eye(2, dtype=np.float32), np.arange(2))
    >>> fn = lambda params, x: x @ params
    >>> wrong = 1 - np.eye(2, dtype=np.float32)
    >>> course = relearn_time(fn, wrong, few, few, 1., jax.random.key(0),
    ...                       optimizer=optax.sgd(1.), batch_size=2)
    >>> course.steps, course.accuracy[0].item()
    (2, 0.0)

  Source: relearn time of Golatkar et al. (arXiv 1911.04933) and Chundawat et
  al. (arXiv 2201.05629); here from few examples, in steps.
  """
  if not 0 <= target <= 1:
    raise ValueError(f'target is {target}, but an accuracy lies between 0 and 1.')
  if cap < 1 or every < 1:
    raise ValueError(f'cap is {cap} and every is {every}, but both should be at '
                     'least 1.')
  few, watched = (problem_lib.checked(examples, what, None) for what, examples in (
      ('the set to relearn from', few), ('the watched set', watched)))
  optimizer = training.only(optimizer or _ADAM, trainable, params)

  now = lambda: training.predict(fn, params, watched.x)
  state = jax.tree.map(jax.numpy.array, optimizer.init(trainable_lib.floats(params)))
  params = jax.tree.map(jax.numpy.array, params)  # the step consumes them
  # Equal for all networks that are measured, so that they share its program.
  step = training.make_step(training.classify(fn), optimizer)
  batches = batching.stream(few, min(batch_size, len(few)), batching.seed_of(key))
  at, answers = [0], [now()]
  for i in range(1, cap + 1):
    batch = sharding.shard_batch(next(batches), None)
    params, state, _ = step(params, state, batch, key)
    if i % every == 0 or i == cap:
      at.append(i)
      answers.append(now())
  # Of all looks at once: one takes longer than the step before it.
  accuracy = np.mean(_right(
      np.concatenate(answers), np.tile(watched.labels, len(at))).reshape(len(at), -1), 1)
  regained = [t for t, a in zip(at, accuracy) if a >= target]
  return Relearned(
      min(regained, default=cap), bool(regained), np.array(at), accuracy)


def _right(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
  return np.asarray(signals.correctness(logits, labels))


def relearn_by_draws(
    problem: problem_lib.Problem, test: problem_lib.Examples, params: Any,
    key: jax.Array,
) -> tuple[estimate_lib.Estimate, measured_lib.Relearning]:
  """Relearns from a few forgotten and as many retained images, several times.

  Args:
    problem: what was asked for, and the original that sets the target.
    test: whose images of the forgotten classes are watched; for a request of
      single examples it is these.
    params: of the unlearned network. A mask on its outputs is left off.
    key: of the draws; the same for all networks, so that they are alike.

  Returns:
    The relearn time, with Student's interval over draws, and the course. A draw
    that was given up counts as `CAP` steps, which is less than it would take.

  Raises:
    DoesNotApply: the original knows nothing of it, or a network says NaN.
  """
  rng = np.random.default_rng(batching.seed_of(key))
  few = _FEW * max(1, len(problem.forget_classes))
  gone = np.isin(test.labels, problem.forget_classes)
  watched = test.where(gone) if gone.any() else problem.forget
  watched = watched.where(rng.permutation(len(watched))[:_WATCHED])
  params = outputs.on_host(params)
  original = training.predict(problem.fn, outputs.on_host(problem.params), watched.x)
  target = _SHARE * float(np.mean(_right(original, watched.labels)))
  if not target:
    raise checks.DoesNotApply(
        'the original names none of these images, so that nothing can be regained.')
  courses = []
  for now in problem.session.progress(
      jax.random.split(key, _DRAWS), 'relearning', _DRAWS):
    drawn = [part.where(rng.permutation(len(part))[:few])
             for part in (problem.forget, problem.retain)]
    courses.append(relearn_time(
        problem.fn, params, outputs.joined(*drawn), watched, target, now,
        trainable=problem.trainable, cap=CAP))
  time = estimate_lib.student(
      np.array([one.steps for one in courses]), within=(0, CAP))
  return time, measured_lib.Relearning(
      steps=courses[0].at.tolist(), target=target,
      accuracy=np.mean([one.accuracy for one in courses], 0).tolist(),
      reached=float(np.mean([one.reached for one in courses])))


def anamnesis_index(steps: float, retrained_steps: float) -> float:
  """AIN = time of the unlearned / time of the retrained network: 1 is equal.

  Below 1 knowledge is left, above 1 more was taken than a network without the
  data lacks. A retrained network that needs no step at all gives infinity, or 1
  if the other needs none either.

  Args:
    steps: relearn time of the unlearned network.
    retrained_steps: that of the retrained one.

  Example:
    >>> anamnesis_index(3, 12)
    0.25

  Source: Chundawat et al., arXiv 2201.05629; exact.
  """
  if retrained_steps == 0:
    return 1. if steps == 0 else math.inf
  return steps / retrained_steps
