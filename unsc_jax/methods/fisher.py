"""Weights edited by squares of gradients: SSD, Fisher forgetting, influence."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from unsc_jax import capture
from unsc_jax import parts
from unsc_jax import paths
from unsc_jax import problem as problem_lib
from unsc_jax.parts import edits
from unsc_jax.parts import head
from unsc_jax.parts import masks
from unsc_jax.parts import passes
from unsc_jax.training import gradients


def ssd(
    alpha: float = 10., strength: float = 1., *, group: int = 1,
    batch_size: int = 256,
) -> problem_lib.Method:
  r"""Shrinks the weights that the forget set needs much more than the rest.

  .. math:: \theta_j \leftarrow \theta_j \min(1, \lambda F_j / F^f_j)
    \quad \text{where } F^f_j > \alpha F_j

  `F` is the mean squared gradient over all training data, `F^f` that over the
  forget set. For whole classes. On single examples the two are alike, so that
  next to nothing happens.

  Args:
    alpha: how much more a weight has to matter; 10 (ViT 5, faces 50).
    strength: `lambda`; 1 (faces .1).
    group: squares the mean gradient of so many examples; 1 is the diagonal of
      the Fisher matrix, the published code squares those of minibatches.
    batch_size: examples a step of the passes.

  Returns:
    The method. Cost: one forward and one backward pass over both sets, example
    by example; nothing is trained.

  Example:
    >>> method = ssd(alpha=4., strength=.3)

  Source: selective synaptic dampening (arXiv 2308.07707), exact from code with
  `group` its batch size.
  """
  def edit(problem, key):
    del key
    forget, retain = (
        gradients.mean_square(
            problem.fn, problem.params,
            passes.batches(problem, examples, batch_size), group=group)
        for examples in (problem.forget, problem.retain))
    share = len(problem.forget) / (len(problem.forget) + len(problem.retain))
    everything = jax.tree.map(
        lambda f, r: f * share + r * (1 - share), forget, retain)
    forget = masks.only_trainable(forget, problem.network.trainable, 0.)
    return edits.dampen(
        problem.params, everything, forget, alpha=alpha, strength=strength)
  return parts.compose(edit=edit)


def fisher_forgetting(
    alpha: float = 1e-6, *, power: float = 1., examples: int | None = None,
    batch_size: int = 64,
) -> problem_lib.Method:
  r"""Adds noise to every weight, by how little the retained data need it.

  .. math:: \theta \leftarrow \mu + \sqrt{v} \, \epsilon, \quad
    v = \alpha \min(F^{-1}, 10^3), \quad
    F = E_{x \in D_r} \sum_y p_y (\nabla_\theta \mathrm{CE}(f_\theta(x), y))^2

  `v` is averaged over the input features of a kernel. In the head the cap is 100;
  the head and all vectors get 10 times the variance, a vector in the head too. A
  forgotten class loses its head's weights: mean 0, variance 1e-4 (then times 10). For
  whole classes and for single examples, of which it forgets little.

  Args:
    alpha: scale of the variance; 1e-8 to 3e-6 is published.
    power: of `1 / F`: 1 as the code has it; .5 as the paper, from memory.
    examples: retain examples that `F` is estimated from, spread evenly over all; by
      default all.
    batch_size: of them, a step of the pass.

  Returns:
    The method. Cost: one forward and `C` backward passes over the retained
    data, example by example; the forget set is not touched.

  Example:
    >>> method = fisher_forgetting(alpha=1e-7, examples=1000)

  Source: Golatkar et al. (arXiv 1911.04933), exact from their code's constants
  but with every example's gradient squared; ports of it square a batch's mean.
  """
  def edit(problem, key):
    retain = problem.retain
    if examples is not None:
      retain = retain.spread(examples)
    F = gradients.fisher(
        problem.fn, problem.params, passes.batches(problem, retain, batch_size))
    own, sites = head.parameters(problem), passes.sites(problem)
    path_of = paths.path_name
    variance = jax.tree_util.tree_map_with_path(
        lambda path, f: noise_variance(
            f, alpha, power, in_head=path_of(path) in own,
            site=sites.get(path_of(path))), F)
    params = problem.params
    if problem.forget_classes:
      forgotten = head.of_classes(problem, problem.forget_classes)
      params = edits.prune(params, forgotten)
      # Ten times 1e-4, as all of the head.
      variance = jax.tree.map(
          lambda m, v: jnp.where(m, 1e-3, v), forgotten, variance)
    trained = jax.tree_util.tree_map_with_path(
        lambda path, v: v * problem.network.trainable(path_of(path)), variance)
    return edits.add_noise(params, trained, key)
  return parts.compose(edit=edit)


def noise_variance(
    fisher: jax.Array, alpha: float, power: float, *, in_head: bool,
    site: capture.Site | None = None,
) -> jax.Array:
  """The variance of the noise of one parameter, from its Fisher diagonal.

  A site tells which axes of a dense kernel are its inputs.

  Example:
    >>> F = jnp.array([[1., 4.], [2., 4.]])
    >>> print(noise_variance(F, 4., 1., in_head=False).round().astype(int))
    [[3 1]
     [3 1]]
  """
  v = alpha * jnp.minimum((fisher + 1e-8)**-power, 1e2 if in_head else 1e3)
  if site is not None and site.kind == 'dense':
    folded = site.fold(v)  # [B, in, out]
    mean = jnp.broadcast_to(folded.mean(1, keepdims=True), folded.shape)
    v = site.unfold(mean, v.shape)
  elif v.ndim > 1:  # over the input features of a kernel [..., in, out]
    v = jnp.broadcast_to(v.mean(-2, keepdims=True), v.shape)
  return v * (10 if in_head or v.ndim == 1 else 1)


_losses = optax.softmax_cross_entropy_with_integer_labels


def influence(
    alpha: float = 1., *, damping: float = 1., examples: int = 1000,
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
    damping: `lambda`; 1 in WoodFisher's code.
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
    n_f, n_r = len(problem.forget), len(problem.retain)
    n = n_f + n_r
    v = jax.tree.map(
        lambda f, r: f / n - n_f / (n * n_r) * r,
        total(problem.forget), total(problem.retain))
    trainable = problem.network.trainable
    sample = jax.tree.map(jnp.asarray, problem.retain.drawn(examples, key))
    solve = _published if published else _solve
    k = solve(
        problem.fn, params, sample, masks.only_trainable(v, trainable, 0.), damping,
        iterations, trainable, batch_size)
    return jax.tree.map(lambda w, step: w + alpha * step, params, k)
  return parts.compose(edit=edit)


@functools.partial(jax.jit, static_argnums=(0, 4, 5, 6, 7))
def _solve(fn, params, sample, v, damping, iterations, trainable, batch_size):
  """`(damping I + G^T G / m)^-1 v` with `G` the examples' gradients."""
  m = len(sample.y)

  def product(u):
    def add(total, part):
      examples, counts = part
      losses = lambda params: counts * _losses(fn(params, examples.x), examples.y)
      _, along = jax.jvp(losses, (params,), (u,))
      _, pull = jax.vjp(losses, params)
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
  of_example = jax.grad(lambda p, x, y: _losses(fn(p, x[None]), y[None])[0])
  grad = lambda *example: masks.only_trainable(
      of_example(*example), trainable, 0.)
  dot = lambda a, b: sum(
      jnp.vdot(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b)))

  def step(carry, example):
    k, o = carry
    g = grad(params, *example)
    share = lambda tree: dot(tree, g) / (constant + dot(o, g))
    along = lambda tree: jax.tree.map(lambda t, o: t - share(tree) * o, tree, o)
    return (along(k), along(o)), None

  first = grad(params, sample.x[0], sample.y[0])
  (k, _), _ = jax.lax.scan(step, (v, first), (sample.x[1:], sample.y[1:]))
  return k
