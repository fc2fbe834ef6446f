"""What an example should say instead.

A target is a function `(problem, key) -> labels`: integers `[N]`, or the
probabilities of labels or a teacher's logits `[N, C]`, for the `N` examples of
the forget set (or of the retain set, where it says so).
"""

from collections.abc import Callable
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from unsc_jax import problem as problem_lib
from unsc_jax import training

Target = Callable[[problem_lib.Problem, jax.Array], Any]

# Finite, so that no gradient or difference of it becomes NaN.
_NEVER = -1e9


@dataclasses.dataclass(frozen=True)
class pseudo_labels:
  r"""The most likely class among those that remain; integers.

  .. math:: \hat y(x) = \arg\max_{c \notin F} f_{\theta_0}(x)_c

  All forgotten classes are masked at once, so that with several of them no
  forget example is sent to another one. The labels are those of the original
  network and are found once, without augmentation.

  Raises:
    ValueError: when used: the request is not one of whole classes.

  Example:
    >>> examples = problem_lib.Examples(np.array([[3., 1., 2.]]), np.array([0]))
    >>> problem = problem_lib.Problem(
    ...     problem_lib.Network(lambda params, x: jnp.asarray(x)), {},
    ...     examples.replace(y=np.array([1])), examples, 3, (0,))
    >>> print(pseudo_labels()(problem, jax.random.key(0)))
    [2]

  Source: UNSC (IJCAI 2024), `get_pseudo_label` of its code, exact but for
  augmentation. Others call it equation 13; the paper's text was not read.
  """

  def __call__(self, problem: problem_lib.Problem, key: jax.Array) -> np.ndarray:
    if not problem.forget_classes:
      raise ValueError(
          'pseudo-labels avoid the forgotten classes, and this request names '
          'none; set forget_classes, or use a target for single examples.')
    logits = training.answers(problem, problem.params, problem.forget.x)
    masked = mask_classes(logits, problem.forget_classes)
    return np.asarray(masked.argmax(-1), np.int32)


@dataclasses.dataclass(frozen=True)
class unseen_answers:
  r"""What the original network says of unseen examples of the same label, `[N, C]`.

  .. math:: q(x) = p_{\theta_0}(\cdot \mid u(x)), \quad u(x) \in H_y

  where `u` takes the forget examples of a label `y` to the held-out ones `H_y` of
  that label, the easier to the easier (by the probability of the label, quantile
  by quantile). Without an example's influence a network still knows its class: it
  would answer as it answers any example that it never saw, mostly rightly. A
  wrong class would be over-unlearning.

  Raises:
    ValueError: when used: the problem has no held-out examples, or none of a
      label.

  Example:
    >>> network = problem_lib.Network(lambda params, x: jnp.log(x))
    >>> seen, unseen = (
    ...     problem_lib.Examples(jnp.array([[p, 1 - p]]), np.array([0])) for p in (1., .75))
    >>> problem = problem_lib.Problem(network, {}, seen, seen, 2, held_out=unseen)
    >>> print(unseen_answers()(problem, jax.random.key(0)).round(3))
    [[0.75 0.25]]

  Source: ours, for requests of single examples; no published UNSC covers these.
  """

  def __call__(self, problem: problem_lib.Problem, key: jax.Array) -> np.ndarray:
    held_out = held_out_of(problem)
    seen, unseen = (answers_of(problem, problem.params, examples.x)
                    for examples in (problem.forget, held_out))
    answers = np.empty_like(seen)
    for y in np.unique(problem.forget.y):
      mine, theirs = (np.flatnonzero(e.y == y) for e in (problem.forget, held_out))
      mine = mine[np.argsort(seen[mine, y], kind='stable')]
      theirs = theirs[np.argsort(unseen[theirs, y], kind='stable')]
      quantile = (np.arange(len(mine)) + .5) / len(mine)
      answers[mine] = unseen[theirs[(quantile * len(theirs)).astype(int)]]
    return answers


def answers_of(problem: problem_lib.Problem, params: Any, x: np.ndarray) -> np.ndarray:
  """The probabilities `[N, C]` that the network gives with some parameters."""
  return np.asarray(jax.nn.softmax(training.answers(problem, params, x)))


def held_out_of(problem: problem_lib.Problem) -> problem_lib.Examples:
  """The held-out examples, of every label that is to be forgotten.

  Raises:
    ValueError: there are none, or a label has none.
  """
  if problem.held_out is None:
    raise ValueError(
        'to forget single examples one must know how the network speaks of '
        'examples that it never saw; give the Problem some as held_out.')
  missing = np.setdiff1d(problem.forget.y, problem.held_out.y)
  if missing.size:
    raise ValueError(
        f'no held-out example has label {missing[0]}, which is among those to '
        'forget; add some to held_out.')
  return problem.held_out


@dataclasses.dataclass(frozen=True)
class random_labels:
  """A label drawn evenly from those that remain, fixed for every example; integers.

  For whole classes: from the retained classes. For single examples: from all
  classes but the example's own.

  Example:
    >>> examples = problem_lib.Examples(np.ones((4, 1)), np.array([0, 0, 1, 1]))
    >>> problem = problem_lib.Problem(
    ...     problem_lib.Network(lambda params, x: x), {},
    ...     *problem_lib.split_classes(examples, [0]), 2, (0,))
    >>> print(random_labels()(problem, jax.random.key(0)))
    [1 1]

  Source: amnesiac unlearning (Graves et al.) for classes, exact from SSD's code of
  it, and UNSC's ablation, exact from its code. For single examples from memory.
  """

  def __call__(self, problem: problem_lib.Problem, key: jax.Array) -> np.ndarray:
    n, labels = len(problem.forget), problem.forget.y
    if problem.forget_classes:
      choices = np.setdiff1d(np.arange(problem.num_classes), problem.forget_classes)
      return choices[np.asarray(jax.random.randint(key, (n,), 0, len(choices)))]
    shift = np.asarray(jax.random.randint(key, (n,), 1, problem.num_classes))
    return (labels + shift) % problem.num_classes


@dataclasses.dataclass(frozen=True)
class boundary_labels:
  r"""The class across the nearest decision boundary; integers.

  .. math:: \hat y = \arg\max_{c \notin F} f_{\theta_0}(x')_c, \quad
    x' = x + \epsilon \, \mathrm{sign} \nabla_x \mathrm{CE}(f_{\theta_0}(x), y)

  For single examples every class but the example's own is allowed. Cost: two
  forward passes and a backward one.

  Args:
    bound: `epsilon`, in the units of the network's inputs.
    published: allows all classes, as the code does: an example that the step
      does not carry across the boundary keeps its label.

  Example:
    >>> network = problem_lib.Network(lambda params, x: x * params)
    >>> examples = problem_lib.Examples(jnp.array([[.3, .2, 0.]]), jnp.array([0]))
    >>> problem = problem_lib.Problem(
    ...     network, jnp.ones(3), examples.replace(y=jnp.array([2])), examples, 3, (0,))
    >>> print(boundary_labels()(problem, jax.random.key(0)))
    [1]

  Source: Boundary Unlearning (arXiv 2303.11570), boundary shrink; exact from its
  code with `published`, but for its clipping to the range of pixels, which a
  network's inputs do not tell.
  """
  bound: float = .1
  published: bool = dataclasses.field(default=False, kw_only=True)

  def __call__(self, problem: problem_lib.Problem, key: jax.Array) -> np.ndarray:
    logits = training.answers(problem, problem.params, problem.forget,
                             fn=_AfterStep(problem.fn, self.bound))
    if not self.published:
      logits = _without_own(problem, logits)
    return np.asarray(logits.argmax(-1), np.int32)


@dataclasses.dataclass(frozen=True)
class _AfterStep:
  """What a network says of examples that are moved up the slope of their loss."""
  fn: Callable
  bound: float

  def __call__(self, params: Any, batch: problem_lib.Examples) -> jax.Array:
    def loss(x):
      return optax.softmax_cross_entropy_with_integer_labels(
          self.fn(params, x), batch.y).sum()
    return self.fn(params, batch.x + self.bound * jnp.sign(jax.grad(loss)(batch.x)))


def _without_own(
    problem: problem_lib.Problem, logits: np.ndarray, *, alone: bool = False
) -> np.ndarray:
  """Rules out the forgotten classes; for single examples, or `alone`, their own."""
  if problem.forget_classes and not alone:
    return np.asarray(mask_classes(jnp.asarray(logits), problem.forget_classes))
  own = np.arange(logits.shape[-1]) == problem.forget.y[:, None]
  return np.where(own, _NEVER, logits)


@dataclasses.dataclass(frozen=True)
class other_logits:
  r"""What the original network says when its answer is ruled out; logits `[N, C]`.

  .. math:: q = \mathrm{softmax}(z), \quad z_c = -\infty \; \text{for } c \in F

  For single examples only the example's own class is ruled out.

  Args:
    published: rules out the example's own class alone even where several are to
      be forgotten.

  Example:
    >>> network = problem_lib.Network(lambda params, x: x * params)
    >>> examples = problem_lib.Examples(jnp.array([[2., 1.]]), jnp.array([0]))
    >>> problem = problem_lib.Problem(network, 1., examples, examples, 2)
    >>> print(jax.nn.softmax(other_logits()(problem, jax.random.key(0))))
    [[0. 1.]]

  Source: DELETE (arXiv 2503.23751), exact from its code for one class.
  """
  published: bool = dataclasses.field(default=False, kw_only=True)

  def __call__(self, problem: problem_lib.Problem, key: jax.Array) -> np.ndarray:
    logits = training.answers(problem, problem.params, problem.forget.x)
    return _without_own(problem, logits, alone=self.published)


@dataclasses.dataclass(frozen=True)
class teacher_logits:
  """What the original network says itself, of the forget set; logits `[N, C]`.

  Args:
    of_retain: of the retain set instead.

  Example:
    >>> network = problem_lib.Network(lambda params, x: x * params)
    >>> examples = problem_lib.Examples(np.array([[1., 2.]]), np.array([0]))
    >>> problem = problem_lib.Problem(network, 3., examples, examples, 2)
    >>> print(teacher_logits()(problem, jax.random.key(0)))
    [[3. 6.]]

  Source: the teacher of Bad Teacher and SCRUB, exact from their code.
  """
  of_retain: bool = dataclasses.field(default=False, kw_only=True)

  def __call__(self, problem: problem_lib.Problem, key: jax.Array) -> np.ndarray:
    examples = problem.retain if self.of_retain else problem.forget
    return training.answers(problem, problem.params, examples.x)


@dataclasses.dataclass(frozen=True)
class novice_logits:
  """What a freshly initialised network says of the forget set; logits `[N, C]`.

  Raises:
    ValueError: when used: the network has no `init`.

  Example:
    >>> network = problem_lib.Network(lambda params, x: x * params, lambda key: 0.)
    >>> examples = problem_lib.Examples(np.array([[1., 2.]]), np.array([0]))
    >>> problem = problem_lib.Problem(network, 3., examples, examples, 2)
    >>> print(novice_logits()(problem, jax.random.key(0)))
    [[0. 0.]]

  Source: the incompetent teacher of Bad Teacher, exact from its code.
  """

  def __call__(self, problem: problem_lib.Problem, key: jax.Array) -> np.ndarray:
    fresh = training.fresh(problem.network, key)
    return training.answers(problem, fresh, problem.forget.x)


def mask_classes(logits: jax.typing.ArrayLike, classes: tuple[int, ...]) -> jax.Array:
  """Logits `[N, C]` with those of some classes too low to win.

  Example:
    >>> print(mask_classes(jnp.array([[3., 1., 2.]]), (0,)).argmax())
    2
  """
  return jnp.asarray(logits).at[:, jnp.array(classes, int)].set(_NEVER)
