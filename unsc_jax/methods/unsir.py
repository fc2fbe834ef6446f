"""UNSIR: impair with noise that maximises the error, then repair."""

from collections.abc import Callable
import dataclasses
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from unsc_jax import batching
from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.parts import composition
from unsc_jax.parts import objectives
from unsc_jax.parts import schedules


def unsir(
    optimizer: optax.GradientTransformation | None = None,
    repair: optax.GradientTransformation | None = None, *,
    noise_steps: int = 40, noise_rate: float = .1, noise_batch: int = 256,
    noise_copies: int = 20, retain_per_class: int = 1000,
    impair_epochs: float = 1, repair_epochs: float = 5, batch_size: int = 256,
) -> problem_lib.Method:
  r"""Learns noise the network errs on, teaches it as the class, and repairs.

  .. math:: N_c = \arg\min_N -\mathrm{CE}(f_{\theta_0}(N), c) + .1 \,
    \tfrac{1}{B} \sum_i \|N_i\|^2, \quad c \in F

  then an epoch of cross-entropy over the noise, labelled `c`, with a part of
  the retain set, and some over that part alone. For whole classes only. The
  forget set itself is not needed.

  Args:
    optimizer: of the impairing epoch; Adam at .02 as published, which small networks
      need several epochs to recover from.
    repair: of the repairing epoch; Adam at .01 as published.
    noise_steps: of Adam on the noise; 5 epochs of 8 as published.
    noise_rate: its learning rate.
    noise_batch: noise examples for each forgotten class.
    noise_copies: how often each counts in the impairing epoch.
    retain_per_class: retain examples of each class that take part, at most.
    impair_epochs: over noise and retain part.
    repair_epochs: over the retain part; 1 as published.
    batch_size: examples a step.

  Returns:
    The method. Cost: `3 * noise_steps` passes over the noise, and `3 *
    (impair_epochs + repair_epochs)` over the retain part.

  Raises:
    ValueError: when used: the request is not one of whole classes, or inputs are
      integers.

  Example:
    >>> method = unsir(optax.adam(.02), optax.adam(2e-3), noise_copies=3)

  Source: Tarun et al. (arXiv 2111.08947), exact from the authors' code.
  """
  together = objectives.objective(
      forget=objectives.cross_entropy, retain=objectives.cross_entropy,
      per_example=True)

  def method(problem, key):
    classes = parts.whole_classes(problem, 'unsir')
    stopwatch = parts.Stopwatch()
    noise_key, part_key, *keys = jax.random.split(key, 8)
    labels = np.repeat(classes, noise_batch).astype(np.int32)
    with stopwatch('noise'):
      x = error_maximising(
          problem, labels, noise_key, noise_steps, noise_rate)
    noise = jax.tree.map(
        lambda leaf: np.concatenate([leaf] * noise_copies), problem_lib.Examples(x, labels))
    part = _part(problem.retain, retain_per_class, part_key)
    subset = dataclasses.replace(problem, retain=part, forget=noise)
    steps = lambda n, epochs: batching.steps_for(n, batch_size, epochs)
    impaired = composition.train(
        subset, problem.params, together, optimizer or optax.adam(.02),
        schedules.mixed(steps(len(noise) + len(part), impair_epochs), batch_size),
        keys[:3], stopwatch, loop='impairing')
    repaired = composition.train(
        subset, impaired.params, together, repair or optax.adam(.01),
        schedules.retain_only(steps(len(part), repair_epochs), batch_size),
        keys[3:], stopwatch, loop='repairing')
    history = {'loss': np.concatenate(
        [impaired.history['loss'], repaired.history['loss']])}
    return repaired._replace(history=history)
  return method


def error_maximising(
    problem: problem_lib.Problem, labels: np.ndarray, key: jax.Array,
    steps: int, learning_rate: float,
) -> Any:
  """Inputs `[N, ...]` that the network least takes for their labels `[N]`."""
  leaves, tree = jax.tree.flatten(problem.forget.x)
  if not all(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in leaves):
    raise ValueError(
        'unsir learns noise in the place of the inputs, and these are integers; give '
        'the network floating inputs, or choose a method that learns none.')
  keys = [key, *(jax.random.fold_in(key, i) for i in range(1, len(leaves)))]
  start = jax.tree.unflatten(tree, [
      jax.random.normal(k, (len(labels), *leaf.shape[1:]), leaf.dtype)
      for k, leaf in zip(keys, leaves)])

  fitted = training.fit(
      _Noise(problem.fn), optax.adam(learning_rate), start, itertools.repeat(labels),
      steps=steps, key=key, given=(problem.params,),
      session=problem.session, label='noise', identity=problem.identity)
  return jax.tree.map(np.asarray, fitted.params)


@dataclasses.dataclass(frozen=True)
class _Noise:
  """How large noise `[N, ...]` is, less the network's error on it."""
  fn: Callable

  def __call__(self, noise: Any, batch: jax.Array, key: jax.Array, params: Any
               ) -> tuple[jax.Array, Any]:
    del key
    size = sum(jnp.square(leaf).sum() for leaf in jax.tree.leaves(noise)) / len(batch)
    error = training.cross_entropy(self.fn(params, noise), batch)
    return .1 * size - error, noise


def _part(examples, per_class, key):
  """At most so many examples of every class."""
  order = np.random.default_rng(batching.seed_of(key)).permutation(len(examples))
  chosen = [order[examples.labels[order] == c][:per_class]
            for c in np.unique(examples.labels)]
  return examples.where(np.sort(np.concatenate(chosen)))
