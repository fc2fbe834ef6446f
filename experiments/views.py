"""What a network says of the data and how it sees them, found once.

`N` training and `T` test examples, `C` classes, `d` features.
"""

from collections.abc import Callable, Sequence
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import evaluation
from unsc_jax import features
from unsc_jax import predict
from unsc_jax import problem as problem_lib


class View(NamedTuple):
  """Outputs and features of one network, and what they are of."""
  train: np.ndarray  # [N, C] logits
  test: np.ndarray  # [T, C]
  train_features: np.ndarray  # [N, d] inputs of the head
  test_features: np.ndarray  # [T, d]
  train_labels: np.ndarray  # [N]
  test_labels: np.ndarray  # [T]
  forget: list[int]  # the classes that forget accuracies are of
  retain: list[int]

  @property
  def gone(self) -> tuple[np.ndarray, np.ndarray]:
    """Which training and which test examples are of the forgotten classes."""
    return (np.isin(self.train_labels, self.forget),
            np.isin(self.test_labels, self.forget))


def look(problem: problem_lib.Problem, train: problem_lib.Examples,
         test: problem_lib.Examples, fn: Callable, params: Any) -> View:
  """Runs a network over all data.

  Args:
    problem: what was asked for; its network has the features.
    train: all training examples.
    test: all test examples.
    fn: `(params, x) -> logits`.
    params: of the network.

  Returns:
    The view.
  """
  head = features.head_path(problem.fn, params, test.x[:1])
  both = _both(fn, features.layer_inputs(problem.fn, head))
  cut = lambda x: np.split(logits(problem, both, params, x),
                           [problem.num_classes], 1)
  (says, sees), (says_test, sees_test) = cut(train.x), cut(test.x)
  forget = problem.forget_classes or range(problem.num_classes)
  return View(says, says_test, sees, sees_test, train.y, test.y, [*forget],
              [*problem.retain_classes])


@functools.lru_cache(maxsize=16)
def _both(fn, inputs):
  """Logits beside features: what they share is computed once."""
  return lambda params, x: jnp.concatenate(
      [fn(params, x), inputs(params, x)], 1)


def logits(problem, fn, params, x) -> np.ndarray:
  return predict.predict(fn, params, x, mesh=problem.mesh)


def on_host(tree: Any) -> Any:
  """Arrays that may lie on the devices of several processes, in host memory."""
  return jax.tree.map(np.asarray, tree)


def present(labels: np.ndarray, classes: Sequence[int]) -> list[int]:
  """Those of the classes that have examples."""
  return [c for c in classes if (labels == c).any()]


def accuracies(view: View) -> dict[str, evaluation.Estimate | None]:
  """Macro accuracies of the forgotten and the remaining classes."""
  parts = {'test': (view.test, view.test_labels),
           'train': (view.train, view.train_labels)}
  found = {}
  for split, (values, labels) in parts.items():
    for name, classes in (('forget', view.forget), ('retain', view.retain)):
      some = present(labels, classes)
      found[f'{name}_{split}'] = (
          evaluation.macro_accuracy(values, labels, some) if some else None)
  return found


def thin(rng: np.random.Generator, mask: np.ndarray, most: int) -> np.ndarray:
  """Indices of at most so many of the examples that a mask selects."""
  chosen = np.flatnonzero(mask)
  if len(chosen) <= most:
    return chosen
  return np.sort(rng.choice(chosen, most, replace=False))
