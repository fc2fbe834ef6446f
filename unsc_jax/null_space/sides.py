"""Filters on both sides of a layer: of what it reads, and of what reads it."""

import dataclasses

from unsc_jax.null_space import filters
from unsc_jax.null_space import gains as gains_lib


@dataclasses.dataclass(frozen=True)
class two_sided(filters.Filter):
  r"""Filters an update on the side of a layer's inputs and on that of its outputs.

  .. math:: \Delta W \leftarrow P_A \, \Delta W \, P_G

  with `P_A` of the moments of the layer's inputs and `P_G` of those of the network's
  Jacobian at its outputs (`output_moments`). With two soft filters it is the minimiser

  .. math:: \arg\min_D \|D - \Delta W\|^2
    + \frac1{\tau_A} \mathrm{tr}\, D^\top\! A D
    + \frac1{\tau_G} \mathrm{tr}\, D G D^\top
    + \frac1{\tau_A \tau_G} \mathrm{tr}\, D^\top\! A D G

  The last term is K-FAC's price of a retained answer: to first order in one layer's
  change, the mean square of what the answers move by, as far as inputs are independent
  of derivatives. The others are prices of the layer's own outputs and of what answers
  read, so a direction has to be unused on both sides to pass whole. Changes of several
  layers add up, and the derivatives are those of the original network: nothing is said
  of a long way.

  Args:
    inner: of the inputs.
    outer: of the outputs. A parameter without output moments has the inner one alone.

  Raises:
    ValueError: when called without output moments.

  Example:
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from unsc_jax import moments as moments_lib
    >>> fn = lambda params, x: (x @ params['w']) @ jnp.array([[1.], [0.]])
    >>> params, x = {'w': jnp.ones((2, 2))}, jnp.array([[1., 0.]])
    >>> _, A = moments_lib.input_moments(fn)(params, x)
    >>> _, G = moments_lib.output_moments(fn)(jax.random.key(0), params, x)
    >>> passed = two_sided(filters.soft(.25), filters.soft(1.))(A, G)
    >>> read, reading = passed.by_path['w']
    >>> update = reading.project(read.project(jnp.ones((2, 2))))
    >>> bool(jnp.allclose(update, jnp.array([[.1, .2], [.5, 1.]])))
    True

  Source: ours, in K-FAC's factors with its factored damping (Martens and Grosse, 2015).
  """
  inner: filters.Filter = filters.soft()
  outer: filters.Filter = filters.soft()

  def __call__(self, moments, outputs=None):
    if outputs is None:
      raise ValueError(
          'a two-sided filter needs the moments of outputs too: call it with those of '
          '`input_moments` and of `output_moments`.')
    return both_sides(self.inner(moments), self.outer(outputs))


def both_sides(
    inner: gains_lib.Confinement, outer: gains_lib.Confinement
) -> gains_lib.Gains:
  """What passes through both of two sides; where there is no outer one, through one."""
  return gains_lib.Gains({path: (*uses, *outer.by_path.get(path, ()))
                          for path, uses in inner.by_path.items()})
