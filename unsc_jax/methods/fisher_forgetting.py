"""Fisher forgetting: noise where the retained data do not feel it."""

import functools

import jax
import jax.numpy as jnp

from unsc_jax import capture
from unsc_jax import parts
from unsc_jax import paths
from unsc_jax import problem as problem_lib
from unsc_jax.parts import edits
from unsc_jax.parts import head
from unsc_jax.parts import masks
from unsc_jax.parts import passes
from unsc_jax.training import gradients


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
  forgotten class, of this request or of an earlier one, loses its head's weights:
  mean 0, variance 1e-4 (then times 10). For
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
      forgotten = masks.only_trainable(head.of_classes(
          problem, (*problem.forget_classes, *problem.forgotten)), problem.trainable, False)
      params = edits.prune(params, forgotten)
      # Ten times 1e-4, as all of the head.
      variance = jax.tree.map(
          lambda m, v: jnp.where(m, 1e-3, v), forgotten, variance)
    trained = jax.tree_util.tree_map_with_path(
        lambda path, v: v * problem.trainable(path_of(path)), variance)
    return edits.add_noise(params, trained, key)
  return parts.compose(edit=edit, name='fisher_forgetting')


@functools.partial(jax.jit, static_argnames=('power', 'in_head', 'site'))
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
