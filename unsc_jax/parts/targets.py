"""What an example should say instead.

A target is a function `(problem, key) -> labels`: integers `[N]`, or the
probabilities of labels or a teacher's logits `[N, C]`, for the `N` examples of
the forget set (or of the retain set, where it says so).
"""

from collections.abc import Callable
import dataclasses
from typing import Any

import jax
import numpy as np

from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.parts import answers as answers_lib

Target = Callable[[problem_lib.Problem, jax.Array], Any]


@dataclasses.dataclass(frozen=True)
class pseudo_labels:
  r"""The most likely class among those that remain; integers.

  .. math:: \hat y(x) = \arg\max_{c \in R} f_{\theta_0}(x)_c

  `R` are the classes that have examples to retain: with several forgotten ones no
  forget example is sent to another, nor to one that went in an earlier request. The
  labels are those of the original network and are found once, without augmentation.

  Raises:
    ValueError: when used: the request is not one of whole classes.

  Example:
    >>> import jax.numpy as jnp
    >>> examples = problem_lib.Examples(np.array([[3., 1., 2.]]).repeat(3, 0), np.arange(3))
    >>> problem = problem_lib.Problem(
    ...     problem_lib.Network(lambda params, x: jnp.asarray(x)), {},
    ...     *problem_lib.split_classes(examples, [0]), 3, (0,))
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
    masked = answers_lib.mask_classes(logits, answers_lib.ruled_out(problem))
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
    >>> import jax.numpy as jnp
    >>> network = problem_lib.Network(lambda params, x: jnp.log(x))
    >>> seen, unseen = (
    ...     problem_lib.Examples(jnp.array([[p, 1 - p]]), np.array([0])) for p in (1., .75))
    >>> other = seen.replace(y=np.array([1]))
    >>> problem = problem_lib.Problem(network, {}, other, seen, 2, held_out=unseen)
    >>> print(unseen_answers()(problem, jax.random.key(0)).round(3))
    [[0.75 0.25]]

  Source: ours, for requests of single examples; no published UNSC covers these. The
  closest published is ReGUn (arXiv 2603.11210), whose forget batches all learn the mean
  of what the original says of held-out examples in their classes.
  """

  def __call__(self, problem: problem_lib.Problem, key: jax.Array) -> np.ndarray:
    held_out = answers_lib.held_out_of(problem)
    seen = answers_lib.of_present(problem, problem.params, problem.forget.x)
    unseen = answers_lib.of_present(problem, problem.original, held_out.x)
    answers = np.empty_like(seen)
    for y in np.unique(problem.forget.labels):
      mine, theirs = (np.flatnonzero(e.labels == y) for e in (problem.forget, held_out))
      mine = mine[np.argsort(seen[mine, y], kind='stable')]
      theirs = theirs[np.argsort(unseen[theirs, y], kind='stable')]
      answers[mine] = answers_lib.means_of_shares(unseen[theirs], len(mine))
    return answers


@dataclasses.dataclass(frozen=True)
class random_labels:
  """A label drawn evenly from those that remain, fixed for every example; integers.

  For whole classes: from the retained classes. For single examples: from all
  classes that have examples but the example's own.

  Raises:
    ValueError: when used: there is no other class.

  Example:
    >>> examples = problem_lib.Examples(np.ones((4, 2)), np.array([0, 0, 1, 1]))
    >>> problem = problem_lib.Problem(
    ...     problem_lib.Network(lambda params, x: x), {},
    ...     *problem_lib.split_classes(examples, [0]), 2, (0,))
    >>> print(random_labels()(problem, jax.random.key(0)))
    [1 1]

  Source: amnesiac unlearning (Graves et al.) for classes, exact from SSD's code of
  it, and UNSC's ablation, exact from its code. For single examples from memory.
  """

  def __call__(self, problem: problem_lib.Problem, key: jax.Array) -> np.ndarray:
    n, choices = len(problem.forget), np.array(problem.answers, np.int32)
    if problem.forget_classes:
      return choices[np.asarray(jax.random.randint(key, (n,), 0, len(choices)))]
    answers_lib.check_another(problem)
    own = np.searchsorted(choices, problem.forget.labels)
    shift = np.asarray(jax.random.randint(key, (n,), 1, len(choices)))
    return choices[(own + shift) % len(choices)]


@dataclasses.dataclass(frozen=True)
class boundary_labels:
  r"""The class across the nearest decision boundary; integers.

  .. math:: \hat y = \arg\max_{c \in R} f_{\theta_0}(x')_c, \quad
    x' = x + \epsilon \, \mathrm{sign} \nabla_x \mathrm{CE}(f_{\theta_0}(x), y)

  `R` are the classes that have examples to retain. For single examples every class
  that has examples is allowed but the example's own. Of inputs that are several
  arrays the floating ones are moved. Cost: two forward passes and a backward one.

  Args:
    bound: `epsilon`, in the units of the network's inputs.
    published: allows the forgotten classes too, as the code does: an example that
      the step does not carry across the boundary keeps its label.

  Raises:
    ValueError: when used: no input is floating.

  Example:
    >>> import jax.numpy as jnp
    >>> network = problem_lib.Network(lambda params, x: x * params)
    >>> examples = problem_lib.Examples(
    ...     jnp.array([[.3, .2, 0.]]).repeat(3, 0), jnp.arange(3))
    >>> problem = problem_lib.Problem(
    ...     network, jnp.ones(3), *problem_lib.split_classes(examples, [0]), 3, (0,))
    >>> print(boundary_labels()(problem, jax.random.key(0)))
    [1]

  Source: Boundary Unlearning (arXiv 2303.11570), boundary shrink; exact from its
  code with `published`, but for its clipping to the range of pixels, which a
  network's inputs do not tell.
  """
  bound: float = .1
  published: bool = dataclasses.field(default=False, kw_only=True)

  def __call__(self, problem: problem_lib.Problem, key: jax.Array) -> np.ndarray:
    if not any(map(answers_lib.is_floating, jax.tree.leaves(problem.forget.x))):
      raise ValueError(
          'a boundary is found by a step along the gradient of the inputs, and these '
          'are integers; give the network floating inputs, as images scaled before fn '
          'and not in it, or choose a method that takes no such step.')
    logits = training.answers(
        problem, problem.params, (problem.forget.x, problem.forget.y),
        fn=answers_lib.AfterStep(problem.fn, self.bound))
    masked = (answers_lib.mask_classes(logits, problem.gone) if self.published
              else answers_lib.without_own(problem, logits))
    return np.asarray(masked.argmax(-1), np.int32)


@dataclasses.dataclass(frozen=True)
class other_logits:
  r"""What the original network says when its answer is ruled out; logits `[N, C]`.

  .. math:: q = \mathrm{softmax}(z), \quad z_c = -\infty \; \text{for } c \notin R

  `R` are the classes that have examples to retain. For single examples the
  example's own class is ruled out, and classes without examples.

  Args:
    published: rules out the example's own class alone even where several are to
      be forgotten.

  Example:
    >>> import jax.numpy as jnp
    >>> network = problem_lib.Network(lambda params, x: x * params)
    >>> examples = problem_lib.Examples(jnp.array([[2., 1.], [2., 1.]]), np.arange(2))
    >>> problem = problem_lib.Problem(network, 1., examples, examples, 2)
    >>> print(jax.nn.softmax(other_logits()(problem, jax.random.key(0))))
    [[0. 1.]
     [1. 0.]]

  Source: DELETE (arXiv 2503.23751), exact from its code for one class.
  """
  published: bool = dataclasses.field(default=False, kw_only=True)

  def __call__(self, problem: problem_lib.Problem, key: jax.Array) -> np.ndarray:
    logits = training.answers(problem, problem.params, problem.forget.x)
    return answers_lib.without_own(problem, logits, alone=self.published)


@dataclasses.dataclass(frozen=True)
class not_to_say:
  """What a forget example should say no longer, for losses that climb.

  Its label. After earlier requests, booleans `[N, C]`: the label or any class that
  went then, since what is driven from its label goes to whatever is near, and that
  is often a class that was only hidden.

  Example:
    >>> network = problem_lib.Network(lambda params, x: x)
    >>> examples = problem_lib.Examples(np.zeros((3, 3)), np.arange(3))
    >>> split = problem_lib.split_classes(examples, [1], forgotten=[0])
    >>> problem = problem_lib.Problem(network, {}, *split, 3, (1,), forgotten=(0,))
    >>> print(not_to_say()(problem, jax.random.key(0)))
    [[ True  True False]]
  """

  def __call__(self, problem: problem_lib.Problem, key: jax.Array) -> np.ndarray:
    if not problem.forgotten:
      return problem.forget.y
    classes = np.arange(problem.num_classes)
    return (classes == problem.forget.labels[:, None]) | np.isin(classes, problem.forgotten)


@dataclasses.dataclass(frozen=True)
class teacher_logits:
  """What the original network says itself, of the forget set; logits `[N, C]`.

  Classes without examples, those of earlier requests above all, are ruled out.

  Args:
    of_retain: of the retain set instead.

  Example:
    >>> network = problem_lib.Network(lambda params, x: x * params)
    >>> examples = problem_lib.Examples(np.array([[1., 2.], [2., 1.]]), np.arange(2))
    >>> problem = problem_lib.Problem(network, 3., examples, examples, 2)
    >>> print(teacher_logits()(problem, jax.random.key(0)))
    [[3. 6.]
     [6. 3.]]

  Source: the teacher of Bad Teacher and SCRUB, exact from their code.
  """
  of_retain: bool = dataclasses.field(default=False, kw_only=True)

  def __call__(self, problem: problem_lib.Problem, key: jax.Array) -> np.ndarray:
    examples = problem.retain if self.of_retain else problem.forget
    logits = training.answers(problem, problem.params, examples.x)
    return np.asarray(answers_lib.mask_classes(logits, problem.gone))


@dataclasses.dataclass(frozen=True)
class novice_logits:
  """What a freshly initialised network says of the forget set; logits `[N, C]`.

  Classes without examples, those of earlier requests above all, are ruled out.

  Raises:
    ValueError: when used: the network has no `init`.

  Example:
    >>> network = problem_lib.Network(lambda params, x: x * params, lambda key: 0.)
    >>> examples = problem_lib.Examples(np.array([[1., 2.], [2., 1.]]), np.arange(2))
    >>> problem = problem_lib.Problem(network, 3., examples, examples, 2)
    >>> print(novice_logits()(problem, jax.random.key(0)))
    [[0. 0.]
     [0. 0.]]

  Source: the incompetent teacher of Bad Teacher, exact from its code.
  """

  def __call__(self, problem: problem_lib.Problem, key: jax.Array) -> np.ndarray:
    fresh = training.fresh(problem.network, key)
    logits = training.answers(problem, fresh, problem.forget.x)
    return np.asarray(answers_lib.mask_classes(logits, problem.gone))
