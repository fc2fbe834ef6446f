"""Closed-form removal of forget directions: ESC, and Kodge et al. layer by layer."""


import jax
from jax import lax
import jax.numpy as jnp

from unsc_jax import moments as moments_lib
from unsc_jax import null_space
from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax.parts import edits
from unsc_jax.parts import head
from unsc_jax.parts import passes


def esc(
    share: float = .015, *, batch_size: int = 256
) -> problem_lib.Method:
  r"""Erases the leading directions of the forget features.

  .. math:: z' = (I - U_k U_k^\top) z, \quad Z_f^\top = U S V^\top, \quad
    k = \lfloor p\, d \rfloor

  folded into the head. The backbone stays as it was. For whole classes; what
  the retained classes have in these directions is lost with them. The learned
  mask of ESC-T is not offered.

  Args:
    share: `p`, of the `d` features; one direction at least.
    batch_size: forget examples a step of the pass.

  Returns:
    The method. Cost: one pass over the forget set and one eigendecomposition;
    retained data are not touched.

  Raises:
    ValueError: the share is not in (0, 1).

  Example:
    >>> method = esc(share=.015)

  Source: ESC (CVPR 2025), exact from code, but for the one direction at least.
  """
  if not 0 < share < 1:
    raise ValueError(f'share is a part of the features in (0, 1), not {share}.')

  def edit(problem, key):
    del key
    site = head.site(problem)
    moment = passes.moment(problem, site.path, problem.forget.x, batch_size)
    _, u = null_space.eigh(moment.mean_square)
    d = u.shape[-1]
    u = u[..., :max(1, int(share * d))]
    return edits.project_trainable(
        problem, {site.path: (site, jnp.eye(d) - _mul(u, u.mT))})
  return parts.compose(edit=edit, name='esc')


def class_projection(
    alpha_retain: float = 100., alpha_forget: float = 3., *,
    batch_size: int = 256, select: moments_lib.Select = moments_lib.all_of_them,
) -> problem_lib.Method:
  r"""Projects every layer's inputs away from what only the forget set uses.

  .. math:: W \leftarrow P W, \quad P = I - (M_f - M_f M_r), \quad
    M_s = U \Lambda U^\top, \quad \Lambda = \mathrm{diag}
    \frac{\alpha \tilde\sigma}{(\alpha - 1) \tilde\sigma + 1}

  with :math:`\tilde\sigma` the shares of energy of a layer's inputs on either
  set. For whole classes.

  Args:
    alpha_retain: how soon a direction counts as used by the retained; 100 on
      CIFAR-10, 1000 on CIFAR-100.
    alpha_forget: the same for the forget set; 3 and 30.
    batch_size: examples a step of the passes.
    select: which layers are projected, from a `Site` to a boolean: leave out one that
      is too wide for a `[d, d]` matrix, as `lambda site: site.folded[1] < 10_000` does.

  Returns:
    The method. Cost: one pass over each set and two eigendecompositions a
    layer; nothing is trained.

  Example:
    >>> method = class_projection(alpha_retain=100., alpha_forget=3.)

  Source: Kodge et al. (arXiv 2312.00761), exact from code, but with all data
  instead of 900 examples of each set, and every patch of a convolution.
  """
  def edit(problem, key):
    del key
    retain, forget = (passes.moments(problem, examples.x, batch_size, select=select)
                      for examples in (problem.retain, problem.forget))
    matrices = {
        path: (moments[0].site, _removal(
            soft_span(retain[path].mean_square, alpha_retain),
            soft_span(moments[0].mean_square, alpha_forget)))
        for path, moments in forget.by_path.items()
        if len(moments) == 1 and moments[0].site.kind != 'lookup'}
    return edits.project_trainable(problem, matrices)
  return parts.compose(edit=edit, name='class_projection')


def soft_span(mean_square: jax.Array, alpha: float) -> jax.Array:
  """`U Λ U^T` `[B, d, d]`: near one on the directions that carry energy.

  Example:
    >>> span = soft_span(jnp.diag(jnp.array([3., 1.]))[None], 1.)
    >>> print((100 * span[0]).round())
    [[75.  0.]
     [ 0. 25.]]
  """
  return _weighted(*null_space.eigh(mean_square), alpha)


@jax.jit
def _weighted(values: jax.Array, u: jax.Array, alpha: float) -> jax.Array:
  values = jnp.maximum(values, 0)
  share = values / jnp.maximum(values.sum(-1, keepdims=True), 1e-30)
  weight = alpha * share / ((alpha - 1) * share + 1)
  return _mul(u * weight[:, None], u.mT)


@jax.jit
def _removal(retain: jax.Array, forget: jax.Array) -> jax.Array:
  return jnp.eye(retain.shape[-1]) - (forget - _mul(forget, retain))


def _mul(a, b):
  return jnp.matmul(a, b, precision=lax.Precision.HIGHEST)
