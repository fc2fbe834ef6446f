"""How fast a method forgets, and when it has forgotten enough."""

from collections.abc import Callable

import jax
import numpy as np

from unsc_jax import predict
from unsc_jax import problem as problem_lib
from unsc_jax import training


def until_forgotten(
    below: float, examples: int = 1000
) -> Callable[[problem_lib.Problem], training.Watch]:
  """Stops once the network no longer gives the forget set its labels.

  Going on would only move what should stay; stopping as soon as no label wins
  would leave unseen examples of the class with no margin. So it looks at the
  mean probability of the label, on the data to be forgotten and nothing else.

  Args:
    below: mean probability under which to stop; negative for never.
    examples: of the forget set to look at, evenly spread, about this many.

  Returns:
    `watch` for `frame.compose`; it records `forget_probability` and
    `forget_accuracy`.
  """
  def watch(problem):
    some = slice(None, None, max(1, len(problem.forget) // examples))
    x, y = problem.forget.x[some], problem.forget.y[some]

    def look(params):
      logits = predict.predict(problem.fn, params, x, mesh=problem.mesh)
      given = np.asarray(jax.nn.softmax(logits))[np.arange(len(y)), y]
      seen = {'forget_probability': float(given.mean()),
              'forget_accuracy': float(np.mean(logits.argmax(-1) == y))}
      return seen, seen['forget_probability'] < below
    return look
  return watch
