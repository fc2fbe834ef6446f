"""Filters on both sides of a layer: of what it reads, and of what reads it.

`B` layers that share a parameter, `d` fan-in, `o` fan-out.
"""

import abc
import dataclasses

import jax

from unsc_jax import moments as moments_lib
from unsc_jax.null_space import bases as bases_lib
from unsc_jax.null_space import eigen
from unsc_jax.null_space import filters
from unsc_jax.null_space import gains as gains_lib
from unsc_jax.null_space import ranks
from unsc_jax.null_space import responses


class BothSides(filters.Filter):
  """A filter that asks for the moments of outputs as well."""

  def __call__(self, moments, outputs=None):
    if not (isinstance(moments, moments_lib.Moments)
            and isinstance(outputs, moments_lib.Moments)):
      raise ValueError(
          'a filter of both sides needs the moments of outputs too: call it with those '
          'of `input_moments` and of `output_moments`.')
    for given, side in ((moments, 'input'), (outputs, 'output')):
      for moment in given:
        if (moment.site.kind == 'output') != (side == 'output'):
          raise ValueError(
              f'the moments of {moment.site.path} are none of its {side}s; call a filter of '
              'both sides with those of `input_moments`, then those of `output_moments`.')
    return self.of(moments, outputs)

  @abc.abstractmethod
  def of(self, moments: moments_lib.Moments, outputs: moments_lib.Moments
         ) -> gains_lib.Gains:
    """What updates pass through, by the moments of both sides."""


@dataclasses.dataclass(frozen=True)
class two_sided(BothSides):
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
  read, so a direction has to be unused on both sides to pass whole (with `kronecker`
  on one). Changes of several layers add up, and the derivatives are those of the
  original network: nothing is said of a long way.

  Args:
    inner: of the inputs; a share of the energy, or a rule for ranks, as `hard` has it.
    outer: of the outputs. A parameter without output moments has the inner one alone.

  Raises:
    ValueError: when called without output moments, or with those of the other side.

  Example:
    >>> import jax.numpy as jnp
    >>> from unsc_jax import moments as moments_lib
    >>> fn = lambda params, x: (x @ params['w']) @ jnp.array([[1.], [0.]])
    >>> params, x = {'w': jnp.ones((2, 2))}, jnp.array([[1., 0.]])
    >>> _, A = jax.jit(moments_lib.input_moments(fn))(params, x)
    >>> _, G = jax.jit(moments_lib.output_moments(fn))(jax.random.key(0), params, x)
    >>> passed = two_sided(filters.soft(.25), filters.soft(1.))(A, G)
    >>> read, reading = passed.by_path['w']
    >>> update = reading.project(read.project(jnp.ones((2, 2))))
    >>> bool(jnp.allclose(update, jnp.array([[.1, .2], [.5, 1.]])))
    True

  Source: ours, in K-FAC's factors with its factored damping (Martens and Grosse, 2015).
  """
  inner: filters.Filter | ranks.Energy = filters.soft()
  outer: filters.Filter | ranks.Energy = filters.soft()

  def __post_init__(self):
    for name in ('inner', 'outer'):
      object.__setattr__(self, name, filters.as_filter(getattr(self, name)))

  def of(self, moments, outputs):
    inner, outer = (filters.as_filter(one)(of) for one, of in (
        (self.inner, moments), (self.outer, outputs)))
    return gains_lib.Gains({path: (*uses, *outer.by_path.get(path, ()))
                            for path, uses in inner.by_path.items()})


@dataclasses.dataclass(frozen=True)
class kronecker(BothSides):
  r"""Damps what is both used by the inputs and read by the answers, and nothing else.

  .. math:: P\,\Delta W = \arg\min_D \|D - \Delta W\|^2
    + \frac1\tau \mathrm{tr}\, D^\top\! A D G

  with `A` and `G` relative to their traces: the price of `two_sided` without the terms
  that charge for one side alone. With :math:`A = U \Lambda U^\top` and
  :math:`G = V \Gamma V^\top`, what lies along :math:`u_i v_j^\top` passes by
  :math:`\tau / (\lambda_i \gamma_j + \tau)`: an unused input, or an output that no
  answer reads, is free.

  Args:
    tau: :math:`\tau`. Shares of both sides multiply, so it is less than that of `soft`
      for as much protection.
    solver: as for `null_space_bases`.

  A parameter without output moments is damped by `soft(tau)`.

  Raises:
    ValueError: `tau` is not positive; when called, as for `two_sided`.

  Example:
    >>> choice = kronecker(1e-4)

  Source: ours; K-FAC's metric (Martens and Grosse, 2015) with exact damping.
  """
  tau: float = 1e-4
  solver: eigen.Eigh | None = None

  def __post_init__(self):
    object.__setattr__(self, 'tau', filters.positive('tau', self.tau))

  def of(self, moments, outputs):
    bases_lib.check(moments)
    both = [path for path, uses in moments.by_path.items()
            if len(uses) == 1 and path in outputs]
    pairs = [(moments[path], outputs[path]) for path in both]
    solved = eigen.each([m.mean_square for pair in pairs for m in pair], self.solver)
    found = {path: (self._gain(*pair, *next(solved), *next(solved)),)
             for path, pair in zip(both, pairs)}
    rest = {path: uses for path, uses in moments.by_path.items() if path not in found}
    if rest:
      found |= filters.soft(self.tau)(moments_lib.Moments(rest)).by_path
    return gains_lib.Gains({path: found[path] for path in moments.by_path})

  def _gain(self, inner, outer, a, u, g, v) -> gains_lib.KroneckerGain:
    for moment, values in ((inner, a), (outer, g)):
      responses.check(moment, values)
    return gains_lib.KroneckerGain(inner.site, u, v, _passed(inner, a, outer, g, self.tau))


@jax.jit
def _passed(inner, a, outer, g, tau) -> jax.Array:
  a, g = responses.shares(inner, a), responses.shares(outer, g)
  return 1 / (1 + a[:, :, None] * g[:, None, :] / tau)
