"""Logits and features of one network on all data, computed once.

`N` training and `T` test examples, `F` of the training ones forgotten, `C`
classes, `d` features.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import capture
from unsc_jax import problem as problem_lib
from unsc_jax import sharding
from unsc_jax import training
from unsc_jax.evaluation import measured
from unsc_jax.evaluation.metrics import accuracy
from unsc_jax.evaluation.metrics import checks


class Outputs(NamedTuple):
  """Logits and features of one network on all data, and what they are of."""
  train_logits: np.ndarray  # [N, C], of the retained before the forgotten
  test_logits: np.ndarray  # [T, C]
  train_features: np.ndarray  # [N, d] inputs of the head
  test_features: np.ndarray  # [T, d]
  train_labels: np.ndarray  # [N]
  test_labels: np.ndarray  # [T]
  forgotten: np.ndarray  # [N] whether a training example was to be forgotten
  forget_classes: tuple[int, ...]  # none in a request of single examples
  retain_classes: tuple[int, ...]

  def train(self, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels of the training examples that a mask or indices select."""
    return self.train_logits[which], self.train_labels[which]

  def test(self, which: np.ndarray | slice = slice(None)
           ) -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels of test examples."""
    return self.test_logits[which], self.test_labels[which]

  @property
  def like_forgotten(self) -> np.ndarray:
    """`[T]`: the test examples of the forgotten classes; all where there are none."""
    if not self.forget_classes:
      return np.ones(len(self.test_labels), bool)
    return np.isin(self.test_labels, self.forget_classes)


class Reference(NamedTuple):
  """What is needed of a retrained network to measure others by it."""
  forget_logits: np.ndarray  # [F, C]
  test_logits: np.ndarray  # [T, C]
  test_features: np.ndarray  # [T, d]
  scores: Mapping[str, Any]  # accuracies and the like, as `measured.tried` has them


def joined(*parts: problem_lib.Examples) -> problem_lib.Examples:
  """Examples one after the other."""
  return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)


def check_parameters(problem: problem_lib.Problem, fn: Callable, params: Any) -> None:
  """Raises ValueError where a method changed the network and has parameters of its own.

  Features, drift and relearning are those of the problem's network, whose layers are
  known; one that is only masked has its parameters.
  """
  if fn is not problem.fn and jax.tree.structure(params) != jax.tree.structure(problem.params):
    raise ValueError(
        f'the parameters are a {type(params).__name__}, which the network of the problem '
        'does not read, so that its features cannot be measured; give a method that keeps '
        'the network, such as `loft` without `plugged`.')


def outputs_of(problem: problem_lib.Problem, test: problem_lib.Examples, fn: Callable,
               params: Any) -> Outputs:
  """Runs a network over all data.

  Args:
    problem: what was asked for; its network has the features.
    test: all test examples.
    fn: `(params, x) -> logits`.
    params: of the network.

  Returns:
    Outputs.

  Raises:
    ValueError: the parameters are another network's than the problem's.
  """
  check_parameters(problem, fn, params)
  head = capture.head_path(problem.fn, params, test.spread(1).x)
  both = _LogitsAndFeatures(fn, capture.layer_inputs(problem.fn, head))
  retained, forgotten, unseen = (
      training.answers(problem, params, part.x, fn=both)
      for part in (problem.retain, problem.forget, test))
  split = lambda out: np.split(out, [problem.num_classes], 1)
  train_logits, train_features = split(np.concatenate([retained, forgotten]))
  test_logits, test_features = split(unseen)
  labels = np.concatenate([problem.retain.labels, problem.forget.labels])
  return Outputs(
      train_logits, test_logits, train_features, test_features, labels, test.labels,
      np.arange(len(labels)) >= len(retained),
      problem.forget_classes, problem.retain_classes)


@dataclasses.dataclass(frozen=True)
class _LogitsAndFeatures:
  """Both side by side, so that what they share is computed once."""
  fn: Callable
  features: Callable

  def __call__(self, params: Any, x: jax.Array) -> jax.Array:
    return jnp.concatenate([self.fn(params, x), self.features(params, x)], 1)


def on_host(tree: Any) -> Any:
  """Arrays that may lie on the devices of several processes, in host memory.

  Random keys, which NumPy has no type for, stay where they are.
  """
  return jax.tree.map(
      lambda leaf: leaf if sharding.is_key(leaf) else np.asarray(leaf), tree)


def some_of(labels: np.ndarray, classes: Sequence[int]) -> list[int]:
  """Those of the classes that have examples.

  Raises:
    DoesNotApply: there are none.
  """
  if not len(classes):
    raise checks.DoesNotApply('the request is one of single examples, not of classes.')
  some = [c for c in classes if (labels == c).any()]
  if not some:
    raise checks.DoesNotApply('no example here is of these classes.')
  return some


def accuracies(outputs: Outputs) -> dict[str, Any]:
  """Macro accuracies of what was forgotten and of what remains, as `tried` has them.

  No test example is forgotten by a request of single examples.
  """
  kept = ~outputs.like_forgotten if outputs.forget_classes else outputs.like_forgotten

  def macro(logits, labels, classes):
    return accuracy.macro_accuracy(logits, labels, some_of(labels, classes))

  given_up = outputs.forget_classes or outputs.retain_classes
  return measured.tried({
      'forget_test': lambda: macro(
          *outputs.test(outputs.like_forgotten), outputs.forget_classes),
      'retain_test': lambda: macro(*outputs.test(kept), outputs.retain_classes),
      'forget_train': lambda: macro(*outputs.train(outputs.forgotten), given_up),
      'retain_train': lambda: macro(
          *outputs.train(~outputs.forgotten), outputs.retain_classes)})


def thin(rng: np.random.Generator, mask: np.ndarray, most: int) -> np.ndarray:
  """Indices of at most so many of the examples that a mask selects."""
  chosen = np.flatnonzero(mask)
  if len(chosen) <= most:
    return chosen
  return np.sort(rng.choice(chosen, most, replace=False))


def shuffled(rng: np.random.Generator, mask: np.ndarray, most: int) -> np.ndarray:
  """As `thin`, in a random order."""
  return rng.permutation(thin(rng, mask, most))
