"""Which data every step sees: a stream of forget and retain batches.

A schedule is `(forget, retain, key) -> Plan`. A batch holds either or both; the
training step is compiled for each of these once.
"""

from collections.abc import Callable, Iterator
import itertools
from typing import Any, NamedTuple

import jax
import numpy as np

from unsc_jax import batching


class Batch(NamedTuple):
  """What one step sees; None where it does not see that set."""
  forget: Any = None  # Examples [B, ...]
  retain: Any = None


class Plan(NamedTuple):
  """Batches, and how many steps to make of them."""
  batches: Iterator[Batch]
  steps: int


Schedule = Callable[[Any, Any, jax.Array], Plan]


def forget_only(steps: int, batch_size: int = 128) -> Schedule:
  """Never touches the retained data.

  Example:
    >>> import numpy as np
    >>> from unsc_jax.problem import Examples
    >>> data = Examples(np.ones((4, 1)), np.zeros(4, int))
    >>> plan = forget_only(3, batch_size=2)(data, data, jax.random.key(0))
    >>> next(plan.batches).retain is None, plan.steps
    (True, 3)
  """
  def schedule(forget, retain, key):
    del retain
    stream = batching.stream(forget, batch_size, batching.seed_of(key))
    return Plan((Batch(forget=b) for b in stream), steps)
  return schedule


def retain_only(steps: int, batch_size: int = 128) -> Schedule:
  """Never touches the data to be forgotten."""
  def schedule(forget, retain, key):
    del forget
    stream = batching.stream(retain, batch_size, batching.seed_of(key))
    return Plan((Batch(retain=b) for b in stream), steps)
  return schedule


def paired(
    steps: int, batch_size: int = 128, retain_batch_size: int | None = None
) -> Schedule:
  """A forget batch beside a retain batch in every step.

  Args:
    steps: updates to make.
    batch_size: forget examples a step.
    retain_batch_size: retain examples a step; by default as many.

  Returns:
    The schedule. The smaller set comes round more often.
  """
  def schedule(forget, retain, key):
    keys = jax.random.split(key)
    f, r = (batching.stream(data, size, batching.seed_of(k)) for data, size, k in
            zip((forget, retain), (batch_size, retain_batch_size or batch_size),
                keys))
    return Plan(itertools.starmap(Batch, zip(f, r)), steps)
  return schedule


def mixed(steps: int, batch_size: int = 128) -> Schedule:
  """Both sets together, in every batch by their sizes.

  As one shuffled set would have it but for the chance in the shares: to weigh
  every example alike, use an objective with `per_example`.

  Args:
    steps: updates to make.
    batch_size: examples of both sets a step, one of each at least.

  Returns:
    The schedule.

  Example:
    >>> import numpy as np
    >>> from unsc_jax.problem import Examples
    >>> some = lambda n: Examples(np.ones((n, 1)), np.zeros(n, int))
    >>> plan = mixed(3, batch_size=8)(some(10), some(30), jax.random.key(0))
    >>> batch = next(plan.batches)
    >>> len(batch.forget), len(batch.retain)
    (2, 6)
  """
  def schedule(forget, retain, key):
    n_forget, n_retain = map(batching.count, (forget, retain))
    share = n_forget / (n_forget + n_retain)
    size = min(max(1, round(batch_size * share)), batch_size - 1)
    return paired(steps, size, batch_size - size)(forget, retain, key)
  return schedule


def alternating(
    rounds: int, *, forget_rounds: int | None = None,
    forget_steps: int | None = None, retain_steps: int | None = None,
    batch_size: int = 128, retain_batch_size: int | None = None,
) -> Schedule:
  """Rounds of forget steps, then retain steps.

  Args:
    rounds: how many.
    forget_rounds: only so many rounds, the first ones, have forget steps.
    forget_steps: in a round; by default one epoch.
    retain_steps: in a round; by default one epoch.
    batch_size: forget examples a step.
    retain_batch_size: retain examples a step; by default as many.

  Returns:
    The schedule.

  Example:
    >>> import numpy as np
    >>> from unsc_jax.problem import Examples
    >>> data = Examples(np.ones((4, 1)), np.zeros(4, int))
    >>> schedule = alternating(2, forget_rounds=1, retain_steps=1, batch_size=2)
    >>> plan = schedule(data, data, jax.random.key(0))
    >>> ['r' if b.forget is None else 'f' for b in plan.batches], plan.steps
    (['f', 'f', 'r', 'r'], 4)
  """
  def schedule(forget, retain, key):
    keys = jax.random.split(key)
    size = retain_batch_size or batch_size
    epoch = lambda data, b: batching.steps_for(batching.count(data), b, 1)
    f_steps = epoch(forget, batch_size) if forget_steps is None else forget_steps
    r_steps = epoch(retain, size) if retain_steps is None else retain_steps
    f = batching.stream(forget, batch_size, batching.seed_of(keys[0]))
    r = batching.stream(retain, size, batching.seed_of(keys[1]))
    turns = [f_steps if forget_rounds is None or i < forget_rounds else 0
             for i in range(rounds)]

    def batches():
      for turn in turns:
        yield from (Batch(forget=b) for b in itertools.islice(f, turn))
        yield from (Batch(retain=b) for b in itertools.islice(r, r_steps))

    return Plan(batches(), sum(turns) + rounds * r_steps)
  return schedule


def drawing_labels(schedule: Schedule, num_classes: int) -> Schedule:
  """Draws the labels of every forget batch anew, evenly from all classes.

  Args:
    schedule: that brings the batches.
    num_classes: to draw from; the true one is among them.

  Returns:
    The schedule with other labels.

  Example:
    >>> from unsc_jax.problem import Examples
    >>> data = Examples(np.ones((9, 1)), np.full(9, 5))
    >>> plan = drawing_labels(forget_only(3, 9), 2)(data, data, jax.random.key(0))
    >>> set(next(plan.batches).forget.y.tolist())
    {0, 1}

  Source: `RL` in SalUn's code, exact: the labels of an epoch are not those of the
  one before. `targets.random_labels` is the correct form.
  """
  def drawn(forget, retain, key):
    plan = schedule(forget, retain, key)
    rng = np.random.default_rng(batching.seed_of(jax.random.fold_in(key, 1)))

    def relabelled(batch):
      if batch.forget is None:
        return batch
      y = rng.integers(num_classes, size=len(batch.forget.y), dtype=np.int32)
      return batch._replace(forget=batch.forget.replace(y=y))
    return plan._replace(batches=map(relabelled, plan.batches))
  return drawn
