"""DEL: deletion by example localization; reset where the examples live."""

import jax
import jax.numpy as jnp
import optax

from unsc_jax import parts
from unsc_jax import paths
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.parts import composition
from unsc_jax.parts import edits
from unsc_jax.parts import head
from unsc_jax.parts import lengths
from unsc_jax.parts import masks
from unsc_jax.parts import objectives
from unsc_jax.parts import passes
from unsc_jax.parts import schedules


def example_localization(
    optimizer: optax.GradientTransformation | None = None, *,
    share: float = .3, channel_share: float = .1, published: bool = False,
    steps: int | None = None, epochs: float | None = None, batch_size: int = 128,
) -> problem_lib.Method:
  r"""Finds the channels that hold the examples, resets them, and trains those.

  .. math:: s_j = \Bigl|\theta_j \sum_{D_f} \nabla_j \mathrm{CE}\Bigr|, \quad
    c_o = \frac{1}{h} \sum \text{top}_h\, s_{:,o}, \quad
    \theta \leftarrow (1 - m) \theta_0 + m\, \theta'

  where `m` marks the top `alpha P` scalars by the score of their channel; then
  it trains on retained data with gradients masked by `m`, the head free as a
  whole. For single examples, whose method it is, and for whole classes.

  Args:
    optimizer: any of Optax, confined to the mask; SGD at .015 with momentum .9
      and a cosine down to a hundredth.
    share: `alpha`, of all weights.
    channel_share: the part of a channel's weights, at least one, whose mean is
      its score: `h`.
    published: as the code: `h` a tenth of the number of channels instead, and
      the head's weights of forgotten classes survive where the mask leaves
      them. By default those of whole classes are reset.
    steps: updates to make.
    epochs: instead, over the retained data; 30 if neither is given.
    batch_size: retain examples a step.

  Returns:
    The method. Cost: 3 passes over the forget set, `3 * epochs` over the
    retained data, and one for running statistics after the reset. It needs `Network.init`.

  Example:
    >>> method = example_localization(optax.sgd(.05, momentum=.9), channel_share=.1)

  Source: DEL, deletion by example localization (arXiv 2412.02432), exact from code,
  but with the last batch of the forget set, which the code drops.
  """
  schedule = schedules.retain_only(
      steps, batch_size, epochs=lengths.unless(steps, epochs, 30))
  h = (lambda site: site.folded[2] // 10) if published else channel_share

  def method(problem, key):
    stopwatch = parts.Stopwatch()
    fresh_key, *keys = jax.random.split(key, 4)
    with stopwatch('edit'):
      gradient = passes.gradient(problem, problem.params, problem.forget)
      scores = masks.by_channel(
          masks.weighted(gradient, problem.params), passes.sites(problem), h)
      mask = masks.top(
          masks.only_trainable(scores, problem.trainable), share)
      if problem.forget_classes and not published:
        forgotten = masks.only_trainable(head.of_classes(
            problem, (*problem.forget_classes, *problem.forgotten)),
            problem.trainable, False)
        mask = jax.tree.map(jnp.logical_or, mask, forgotten)
      params = problem.network.finish(edits.reset(
          problem.params, training.fresh(problem.network, fresh_key), mask),
          problem.retain.x)
      own = head.parameters(problem)
      free = jax.tree_util.tree_map_with_path(
          lambda path, m: m | (paths.path_name(path) in own), mask)
    length = schedule.length(problem.forget, problem.retain)
    rate = optax.cosine_decay_schedule(.015, max(1, length), .01)
    return composition.train(
        problem, params, objectives.objective(retain=objectives.cross_entropy),
        masks.confine(optimizer or optax.sgd(rate, momentum=.9), free),
        schedule, keys, stopwatch)
  return method
