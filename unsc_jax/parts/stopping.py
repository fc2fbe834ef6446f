"""How fast a method forgets, and when it has forgotten enough."""

import dataclasses
from typing import Any

import numpy as np

from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.parts import answers as answers_lib
from unsc_jax.parts import targets


@dataclasses.dataclass(frozen=True)
class until_forgotten:
  """Stops once the network no longer gives the forget set its labels.

  Going on would only move what should stay; stopping as soon as no label wins
  would leave unseen examples of the class with no margin. So it looks at the
  mean probability of the label, on the data to be forgotten and nothing else.
  Single examples are forgotten once their labels are no more probable than those
  of held-out examples were to the original network.

  Args:
    below: mean probability under which to stop, for whole classes; negative for
      never, whatever the request.
    examples: of the forget set to look at, evenly spread, at most.

  Called with a problem it is the `watch` of `parts.compose`, which records
  `forget_probability` and `forget_accuracy`.
  """
  below: float
  examples: int = 500

  def __call__(self, problem: problem_lib.Problem) -> training.Watch:
    forget = problem.forget.spread(self.examples)
    limit = self.below
    if not problem.forget_classes and self.below >= 0:
      unseen = targets.held_out_of(problem).spread(self.examples)
      limit = _of_labels(
          answers_lib.answers_of(problem, problem.params, unseen.x), unseen).mean()

    def look(params: Any) -> tuple[dict[str, float], bool]:
      answers = answers_lib.answers_of(problem, params, forget.x)
      seen = {'forget_probability': float(_of_labels(answers, forget).mean()),
              'forget_accuracy': float(np.mean(answers.argmax(-1) == forget.labels))}
      return seen, bool(seen['forget_probability'] < limit)
    return look


def _of_labels(answers: np.ndarray, examples) -> np.ndarray:
  """The probability of every example's label."""
  return answers[np.arange(len(examples)), examples.labels]
