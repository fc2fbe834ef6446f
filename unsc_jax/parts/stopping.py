"""How fast a method forgets, and when it has forgotten enough."""

import dataclasses
from typing import Any

import numpy as np

from unsc_jax import problem as problem_lib
from unsc_jax.parts import answers as answers_lib


@dataclasses.dataclass(frozen=True)
class until_forgotten:
  """Stops once the network no longer gives the forget set its labels.

  Going on would only move what should stay; stopping as soon as no label wins
  would leave unseen examples of the class with no margin. So it looks at the
  mean probability of the label, on the data to be forgotten and nothing else.
  Single examples are forgotten once their labels are no more probable than those of
  held-out examples of the same labels were to the original network, or nearly.

  Args:
    below: mean probability under which to stop, for whole classes; negative for
      never, whatever the request.
    examples: of the forget set to look at, evenly spread, at most.
    short: the share of the way there that single examples may lack. Those that learn
      the answers of held-out ones come ever closer to them and never past.
    or_never: whether single examples of a problem without held-out ones make all
      steps; otherwise they are refused.

  Called with a problem it is the `watch` of `parts.compose`, which records
  `forget_probability` and `forget_accuracy`.
  """
  below: float
  examples: int = 500
  _: dataclasses.KW_ONLY
  short: float = 0.
  or_never: bool = False

  def __call__(self, problem: problem_lib.Problem) -> 'Look':
    forget = problem.forget.spread(self.examples)
    limit = self.below
    if not problem.forget_classes and self.or_never and problem.held_out is None:
      limit = -1.
    elif not problem.forget_classes and self.below >= 0:
      unseen = answers_lib.held_out_of(problem)
      limit = _mean_by(forget.labels, unseen.labels, _of_labels(
          answers_lib.of_present(problem, problem.original, unseen.x), unseen))
      if self.short:
        now = _of_labels(
            answers_lib.answers_of(problem, problem.params, forget.x), forget).mean()
        limit += self.short * max(now - limit, 0)

    return Look(problem, forget, float(limit))


@dataclasses.dataclass(frozen=True)
class Look:
  """What `until_forgotten` sees of some parameters, and whether that is enough."""
  problem: problem_lib.Problem
  forget: problem_lib.Examples
  limit: float  # of the mean probability of the labels

  def __call__(self, params: Any) -> tuple[dict[str, float], bool]:
    answers = answers_lib.answers_of(self.problem, params, self.forget.x)
    probability = float(_of_labels(answers, self.forget).mean())
    accuracy = float(np.mean(answers.argmax(-1) == self.forget.labels))
    return ({'forget_probability': probability, 'forget_accuracy': accuracy},
            probability < self.limit)

  def missed(self, params: Any, steps: int) -> str | None:
    """A sentence on how far the last step is from the stop; None if it is there."""
    if self.limit < 0:
      return None  # all steps were asked for
    seen, reached = self(params)
    if reached:
      return None
    return (
        f'after its {steps} steps the method has not reached its stop: the forget '
        f"examples' labels have probability {seen['forget_probability']:.3g} and accuracy "
        f'{seen["forget_accuracy"]:.3g}, where a probability below {self.limit:.3g} was '
        'asked for; make more steps, or leave more room.')


def _of_labels(answers: np.ndarray, examples) -> np.ndarray:
  """The probability of every example's label."""
  return answers[np.arange(len(examples)), examples.labels]


def _mean_by(wanted: np.ndarray, labels: np.ndarray, values: np.ndarray) -> float:
  """The mean of values `[N]`, each label of them as often as it is wanted.

  Example:
    >>> _mean_by(np.array([0, 1, 1]), np.array([0, 0, 1]), np.array([0., 1., 2.]))
    1.5
  """
  of_label = {c: values[labels == c].mean() for c in np.unique(wanted).tolist()}
  return float(np.mean([of_label[c] for c in wanted.tolist()]))
