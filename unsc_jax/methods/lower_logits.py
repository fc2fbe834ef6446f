"""After another method: the class as unlikely to the head as the least likely other one."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import capture
from unsc_jax import parts
from unsc_jax import paths
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.parts import head
from unsc_jax.parts import passes


def lower_logits(method: problem_lib.Method, *, batch_size: int = 256) -> problem_lib.Method:
  r"""Lowers the forgotten classes' logits to the level of the least likely other one.

  .. math:: b_c \leftarrow b_c - \mathrm{mean}_{x \in D_c}
    \Bigl( z_c(x) - \min_{k \notin F} z_k(x) \Bigr), \quad c \in F

  A network that was trained without a class has pushed its logit down on every image, and
  whoever stops when the class is no longer named leaves it far above that: training the
  network on a few images brings it back at once. Lowering one bias changes no logit of a
  class that remains, and no feature. So it makes the network's own head slow to learn the
  class again, in the study somewhat more than half as slow as a retrained one's; to a new
  head on its features it makes no difference, and `lower_logits(original())` shows what of
  that is no forgetting at all.

  A head without a bias gets the same by its weights, `W_c -= β w`, where `w` is the least
  squares solution of `wᵀ z = 1` on the features `z` of all training examples. There the
  logit is lowered by about as much on each of them.

  Args:
    method: what forgets; of whole classes, and by weights.
    batch_size: examples a step of the pass over features, where there is no bias.

  Returns:
    The method. Cost: that of the other; a pass over the forget set, and without a bias
    one over all training examples.

  Raises:
    ValueError: when used: the request is not one of whole classes, the method changes
      the network and not its weights, or the head may not be trained.

  Example:
    >>> from unsc_jax import methods, null_space
    >>> method = lower_logits(methods.null_space_alignment(filter=null_space.soft(1e-4)))

  Source: **ours**; `docs/soft-null-space.md` has what it gains.
  """
  def lowered(problem, key):
    classes = parts.whole_classes(problem, 'lower_logits')
    done = method(problem, key)
    if done.fn is not problem.fn:
      raise ValueError('lower_logits works on weights, and the method before it has '
                       'changed the network instead; give it one that changes weights.')
    stopwatch = parts.Stopwatch()
    with stopwatch('lowering'):
      now = dataclasses.replace(problem, params=done.params)
      excess = {c: _excess(now, c) for c in classes}
      params = jax.block_until_ready(_lower(now, excess, batch_size))
    return done._replace(params=params, seconds={**done.seconds, **stopwatch.seconds})
  return lowered


def _excess(problem: problem_lib.Problem, c: int) -> float:
  """How far a class lies above the least likely one that remains, on its examples."""
  of_class = problem.forget.where(problem.forget.labels == c)
  logits = training.answers(problem, problem.params, of_class.x)
  least = logits[:, list(problem.retain_classes)].min(1)
  return max(0., float(np.mean(logits[:, c] - least)))


def _lower(problem: problem_lib.Problem, excess: dict[int, float], batch_size: int
           ) -> problem_lib.Params:
  """The parameters with a constant taken from some classes' logits."""
  kernel, *biases = head.parameters(problem)
  path = next(filter(problem.trainable, (*biases, kernel)), None)
  if path is None:
    raise ValueError(f'{kernel} may not be trained, and so no logit can be lowered; let '
                     'the network train its head, or go without lower_logits.')
  taken = jnp.zeros(problem.num_classes).at[jnp.array([*excess])].set(
      jnp.array([*excess.values()]))
  shift = taken
  if path == kernel:
    where = head.site(problem)
    shift = where.unfold(_constant(problem, where, batch_size)[None, :, None] * taken,
                         paths.leaf_paths(problem.params)[path].shape)
  return jax.tree_util.tree_map_with_path(
      lambda p, leaf: (leaf - shift).astype(leaf.dtype)
      if paths.path_name(p) == path else leaf, problem.params)


def _constant(problem: problem_lib.Problem, where: capture.Site, batch_size: int
              ) -> jax.Array:
  """`[d]`: weights that give about one on every training example's features."""
  retain, forget = (passes.moment(problem, where.path, part.x, batch_size)
                    for part in (problem.retain, problem.forget))
  both = jax.tree.map(jnp.add, retain, forget)
  m, mean = both.mean_square[0], both.first[0] / both.count[0]
  ridge = 1e-5 * jnp.trace(m) / len(m) * jnp.eye(len(m))
  return jax.scipy.linalg.solve(m + ridge, mean, assume_a='pos')
