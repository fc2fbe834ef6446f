"""Influence unlearning: one Newton step away from what is to be forgotten."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import masks
from unsc_jax.parts import passes
from unsc_jax.parts import targets
from unsc_jax.problem import trainable as trainable_lib
from unsc_jax.training import losses


def influence(
    alpha: float = 1., *, damping: float = .03, examples: int = 1000,
    iterations: int = 50, published: bool = False, batch_size: int = 256,
) -> problem_lib.Method:
  r"""Undoes the influence of the forget set to first order.

  .. math:: \theta \leftarrow \theta + \alpha \, \hat F^{-1} v, \quad
    v = \frac{1}{N} \sum_{D_f} \nabla \ell - \frac{n_f}{N n_r} \sum_{D_r}
    \nabla \ell, \quad
    \hat F = \lambda I + \frac{1}{m} \sum_{i=1}^m g_i g_i^\top

  `g_i` are gradients of single retain examples. The inverse is applied by
  conjugate gradients, without a matrix. For whole classes and single examples.

  Args:
    alpha: how far to go; 2 to 42000 is published, chosen by data set.
    damping: `lambda`; 1 in WoodFisher's code, of whose inverse little is left then.
    examples: `m`, of the retain set, drawn at random.
    iterations: of conjugate gradients, at most.
    published: applies the published recursion instead, which starts from the
      first example's gradient and never sees those of the others at full rank.
    batch_size: examples a step of all passes.

  Returns:
    The method. Cost: a forward and a backward pass over both sets, and two
    forward and one backward pass over `m` examples an iteration.

  Example:
    >>> method = influence(alpha=2., damping=.1)

  Source: IU of Izzo et al. and WoodFisher, as in SalUn's code, whose recursion
  is kept as `published`, exact. The default is the inverse that WoodFisher's paper
  defines, from memory: its text was not read.
  """
  def edit(problem, key):
    params = problem.params
    total = lambda data: passes.gradient(problem, params, data, batch_size)
    unsaid = problem.forget.replace(y=targets.not_to_say()(problem, key))
    n_f, n_r = len(problem.forget), len(problem.retain)
    n = n_f + n_r
    v = _added(1 / n, total(unsaid), -n_f / (n * n_r), total(problem.retain))
    v = masks.only_trainable(v, problem.trainable, 0.)
    sample = jax.tree.map(jnp.asarray, problem.retain.drawn(examples, key))
    solve = _published if published else _solve
    step = solve(
        problem.fn, params, sample,
        jax.tree.map(lambda leaf, g: g if trainable_lib.is_floating(leaf) else None, params, v),
        damping, iterations, problem.trainable, batch_size)
    moved = _added(1., trainable_lib.floats(params), alpha, step)
    return trainable_lib.merged(moved, params)
  return parts.compose(edit=edit, name='influence')


@jax.jit
def _added(a, x, b, y):
  """`a x + b y` of two pytrees, in the types of the first."""
  return jax.tree.map(lambda p, q: (a * p + b * q).astype(p.dtype), x, y)


@functools.partial(jax.jit, static_argnums=(0, 4, 5, 6, 7))
def _solve(fn, params, sample, v, damping, iterations, trainable, batch_size):
  """`(damping I + G^T G / m)^-1 v` with `G` the examples' gradients."""
  m, here = len(sample.y), trainable_lib.floats(params)
  cast = lambda tree: jax.tree.map(lambda w, t: t.astype(w.dtype), here, tree)

  def product(u):
    def add(total, part):
      examples, counts = part
      each = lambda floating: counts * losses.cross_entropies(
          fn(trainable_lib.merged(floating, params), examples.x), examples.y)
      _, along = jax.jvp(each, (here,), (cast(u),))
      _, pull = jax.vjp(each, here)
      (back,) = pull(along / m)
      return jax.tree.map(jnp.add, total, back), None

    total, _ = jax.lax.scan(
        add, jax.tree.map(jnp.zeros_like, u), _parts(sample, batch_size))
    return jax.tree.map(lambda a, b: damping * a + b, u,
                        masks.only_trainable(total, trainable, 0.))

  x, _ = jax.scipy.sparse.linalg.cg(product, v, tol=1e-6, maxiter=iterations)
  return x


def _parts(sample, size):
  """Examples in parts of one size, and which of them count: the last repeats some."""
  m = len(sample.y)
  number = -(-m // min(size, m))
  size = -(-m // number)
  place = np.arange(number * size)
  cut = lambda leaf: leaf[place % m].reshape(number, size, *leaf.shape[1:])
  return jax.tree.map(cut, sample), jnp.float32(place < m).reshape(number, size)


@functools.partial(jax.jit, static_argnums=(0, 4, 5, 6, 7))
def _published(fn, params, sample, v, damping, iterations, trainable, batch_size):
  """The recursion of the code, one example after the other and without damping."""
  del damping, iterations, batch_size
  constant = 1000
  alone = lambda leaf: leaf[None]
  of_example = trainable_lib.value_and_grad(lambda p, x, y: losses.cross_entropies(
      fn(p, jax.tree.map(alone, x)), alone(y))[0])
  grad = lambda *example: masks.only_trainable(jax.tree.map(
      lambda g: g.astype(jnp.float32), of_example(*example)[1]), trainable, 0.)
  dot = lambda a, b: sum(
      jnp.vdot(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b)))

  def step(carry, example):
    k, o = carry
    g = grad(params, *example)
    share = lambda tree: dot(tree, g) / (constant + dot(o, g))
    along = lambda tree: jax.tree.map(lambda t, o: t - share(tree) * o, tree, o)
    return (along(k), along(o)), None

  at = lambda which: jax.tree.map(lambda leaf: leaf[which], (sample.x, sample.y))
  first = grad(params, *at(0))
  (k, _), _ = jax.lax.scan(step, (v, first), at(slice(1, None)))
  return k
