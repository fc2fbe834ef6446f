"""The points of the study of filters: every curve, and what sets its points apart."""

from collections.abc import Iterator
import functools
from typing import NamedTuple

import optax

from experiments import some_layers
from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax.parts import optimizers


class Point(NamedTuple):
  """One method at one setting of its curve's dial."""
  curve: str
  dial: dict[str, float]
  method: problem_lib.Method

  @property
  def name(self) -> str:
    """Of the point, as a file is called."""
    parts = [self.curve, *(f'{value:g}' for value in self.dial.values())]
    return '-'.join(parts).replace(' ', '_').replace(',', '').replace('+', 'and')


def points(rate: float) -> Iterator[Point]:
  """All points, the cheapest curves first.

  Args:
    rate: of SGD with momentum, for UNSC and its relatives.
  """
  momentum, adam = optax.sgd(rate, momentum=.9), optax.adam(1e-3)
  answers = functools.partial(methods.unsc, batch_size=128, stop_below=.01)
  features = functools.partial(methods.null_space_alignment, batch_size=256)
  both = lambda tau, outer: null_space.two_sided(
      null_space.soft(tau), null_space.soft(outer))
  for energy in (.9, .97, .99):
    yield Point('hard', {'energy': energy}, answers(filter=energy, optimizer=momentum))
  for tau in (1e-4, 3e-4, 1e-3, 3e-3):
    yield Point('soft', {'tau': tau},
                answers(filter=null_space.soft(tau), optimizer=momentum))
  for tau in (1e-4, 3e-4, 1e-3, 3e-3):
    yield Point('soft + alignment', {'tau': tau},
                features(filter=null_space.soft(tau), optimizer=momentum))
  for energy in (.9, .99):
    yield Point('hard + alignment', {'energy': energy},
                features(filter=energy, optimizer=momentum))
  for tau, outer in ((3e-3, .1), (1e-2, .03)):
    yield Point('two-sided', {'tau': tau, 'outer': outer},
                answers(filter=both(tau, outer), optimizer=momentum))
  for tau, outer in ((3e-3, .1), (1e-2, .1)):
    yield Point('two-sided + alignment', {'tau': tau, 'outer': outer},
                features(filter=both(tau, outer), optimizer=momentum))
  yield Point('hard, Adam', {'energy': .99}, answers(filter=.99, optimizer=adam))
  yield Point('soft, Adam', {'tau': 1e-3},
              answers(filter=null_space.soft(1e-3), optimizer=adam))
  for tau in (1e-4, 1e-3):
    yield Point('soft + alignment, Adam', {'tau': tau},
                features(filter=null_space.soft(tau), optimizer=adam))
  # What might make relearning slower: a firm no, and features without the head.
  yield Point('soft, firm', {'tau': 3e-4, 'stop': 1e-3}, answers(
      filter=null_space.soft(3e-4), optimizer=momentum, stop_below=1e-3))
  yield Point('soft, below the head', {'tau': 1e-3}, some_layers.on(
      some_layers.below_the_head, functools.partial(
          answers, filter=null_space.soft(1e-3), optimizer=momentum)))
  # Early layers serve all classes, and what moves there goes through all that follow.
  late = functools.partial(some_layers.on, some_layers.last_four)
  for tau in (3e-4, 1e-3):
    damped = {'filter': null_space.soft(tau), 'optimizer': momentum}
    yield Point('soft, last layers', {'tau': tau},
                late(functools.partial(answers, **damped)))
    aligned = late(functools.partial(features, weight=50., **damped))
    yield Point('soft + alignment, last layers', {'tau': tau}, aligned)
    yield Point('soft + alignment, last layers, lowered', {'tau': tau},
                methods.lower_logits(aligned))
  # The head's own word for the class, put where retraining leaves it; and of the original,
  # which has forgotten nothing.
  yield Point('soft + alignment, lowered', {'tau': 1e-4}, methods.lower_logits(
      features(filter=null_space.soft(1e-4), optimizer=momentum)))
  yield Point('lowered', {}, methods.lower_logits(methods.original()))
  yield Point('head only', {}, methods.head_only())
  for step in (1e-3, 1e-2):
    sgd = optax.sgd(step, momentum=.9)
    yield Point('DELETE', {'rate': step}, methods.delete(sgd, steps=60))
    yield Point('SalUn', {'rate': step}, methods.salun(sgd, rounds=3))
    yield Point('SCRUB', {'rate': step / 10}, methods.scrub(optax.adam(step / 10)))
    yield Point('dimensional alignment', {'rate': step}, _in_turns(sgd))
  # The same, with what it does to each layer damped.
  for step in (1e-3, 3e-3, 1e-2):
    yield Point('dimensional alignment, damped', {'tau': 1e-2, 'rate': step}, _in_turns(
        optimizers.null_space(optax.sgd(step, momentum=.9),
                              null_space.pooled(null_space.soft(1e-2)))))


_in_turns = functools.partial(
    methods.dimensional_alignment, rounds=2, forget_steps=30, retain_steps=30)
