"""Weights chosen by their gradients: relabelled, dropped, or reset and trained again."""

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
from unsc_jax.parts import masks
from unsc_jax.parts import objectives
from unsc_jax.parts import optimizers
from unsc_jax.parts import passes
from unsc_jax.parts import schedules
from unsc_jax.parts import targets


def salun(
    optimizer: optax.GradientTransformation | None = None, *,
    share: float = .5, rounds: int = 10, published: bool = False,
    batch_size: int = 128,
) -> problem_lib.Method:
  r"""Saliency unlearning, with random labels.

  .. math:: \Delta\theta = m \odot \mathrm{opt}(m \odot g), \quad
    m_j = 1 \iff \Bigl|\sum_{D_f} \nabla_j \mathrm{CE}\Bigr|
    \text{ is among the largest } \alpha P

  Every round is an epoch over the relabelled forget set, then one over the
  retain set. For whole classes and for single examples, see `random_label`.

  Args:
    optimizer: any of Optax; SGD at 1e-2, momentum .9 and weight decay 5e-4.
    share: `alpha`, of all weights.
    rounds: epochs over both sets.
    published: labels from all classes, the true one included, drawn anew every
      round.
    batch_size: examples a step.

  Returns:
    The method. Cost: `3 * rounds` passes over both sets, and 3 over the forget
    set for the mask.

  Example:
    >>> method = salun(optax.sgd(.02, momentum=.9), share=.5, rounds=5)

  Source: SalUn (arXiv 2310.12508), exact from code with its later fix, by which
  momentum and weight decay leave masked weights alone. By default labels are
  drawn once.
  """
  once = schedules.alternating(rounds, batch_size=batch_size)

  def method(problem, key):
    return parts.compose(
        objective=objectives.objective(
            forget=objectives.cross_entropy, retain=objectives.cross_entropy,
            forget_target=None if published else targets.random_labels()),
        transform=optimizers.saliency(optimizer or optimizers.sgd(), share),
        schedule=schedules.drawing_labels(once, problem.num_classes)
        if published else once)(problem, key)
  return method


def retention_masking(
    optimizer: optax.GradientTransformation | None = None, *,
    share: float = .5, steps: int = 200, batch_size: int = 128,
) -> problem_lib.Method:
  r"""Drops the weights that the retained data do not call for, and fine-tunes.

  .. math:: \theta \leftarrow m \odot \theta_0, \quad
    m_j = 1 \iff \Bigl|\sum_{D_r} \nabla_j \mathrm{CE}\Bigr| \text{ is among
    the largest } q P

  then cross-entropy on retained data, all weights free again. Fine-tuning alone
  keeps what the original knew; dropping first is what lets it go. For whole
  classes and for single examples.

  Args:
    optimizer: any of Optax; SGD at 1e-2, momentum .9 and weight decay 5e-4.
    share: `q`, of all weights that are kept.
    steps: updates to make.
    batch_size: retain examples a step.

  Returns:
    The method. Cost: `3 * steps * batch_size` passes over retained data and 3
    over all of them; the forget set is not touched.

  Example:
    >>> method = retention_masking(optax.sgd(.05, momentum=.9), share=.5)

  Source: **a reconstruction** after the abstract of Retention-Based Masking (arXiv
  2410.03833): that the mask comes of the retained data is theirs; its score, share,
  and zero as what dropped weights become are ours.
  """
  def edit(problem, key):
    del key
    gradient = passes.gradient(problem, problem.params, problem.retain)
    trainable = problem.network.trainable
    kept = masks.top(
        masks.only_trainable(masks.absolute(gradient), trainable), share)
    dropped = masks.only_trainable(
        jax.tree.map(jnp.logical_not, kept), trainable, False)
    return edits.prune(problem.params, dropped)

  return parts.compose(
      edit=edit,
      objective=objectives.objective(retain=objectives.cross_entropy),
      transform=optimizer or optimizers.sgd(),
      schedule=schedules.retain_only(steps, batch_size))


def scissorhands(
    optimizer: optax.GradientTransformation | None = None, *,
    share: float = .03, weight: float = .05, examples: int = 256,
    published: bool = False, steps: int = 200, batch_size: int = 128,
) -> problem_lib.Method:
  r"""Re-initialises the most connected weights, and repairs under a constraint.

  .. math:: s = |\theta \odot \nabla \mathrm{CE}_{D_f}|, \quad
    \min_\theta \mathrm{CE}_{D_r} - \lambda \mathrm{CE}_{D_f} \quad \text{with}
    \quad \langle \tilde g, g_o \rangle \ge 0, \;
    g_o = -\nabla \mathrm{CE}_{D_f}(\theta_{trimmed})

  For whole classes and for single examples.

  Args:
    optimizer: any of Optax, after the constraint; SGD at 5e-3, momentum .9 and
      weight decay 5e-4.
    share: of all weights that are trimmed; .03, or .1 for classes of SVHN.
    weight: `lambda`.
    examples: of the forget set, drawn at random, for `s` and `g_o`.
    published: GEM's margin of .5 and ridge of 1e-3, by which an active
      constraint adds half of `g_o` at least.
    steps: updates to make.
    batch_size: examples of each set a step.

  Returns:
    The method. Cost: `6 * steps * batch_size` passes, half of them over either
    set, and 6 over `examples`. It needs `Network.init`.

  Example:
    >>> method = scissorhands(optax.sgd(.003, momentum=.9), share=.1, steps=100)

  Source: Scissorhands (arXiv 2401.05779), exact from code, but that trimming
  and constraint take all layers, where the code names some of a ResNet, and that
  trimmed weights come from `Network.init`, where the code draws Kaiming uniform
  ones and biases of 0.
  """
  optimizer = optimizer or optimizers.sgd(5e-3)
  margin, ridge = (.5, 1e-3) if published else (0., 0.)

  def edit(problem, key):
    fresh_key, part_key = jax.random.split(key)
    gradient = _gradient(problem, problem.params, examples, part_key)
    scores = masks.only_trainable(
        masks.weighted(gradient, problem.params), problem.network.trainable)
    return edits.reset(
        problem.params, training.fresh(problem.network, fresh_key),
        masks.top(scores, share))

  def transform(problem, params, key):
    memory = jax.tree.map(
        jnp.negative, _gradient(problem, params, examples, key))
    return parts.Confined(optax.chain(
        optimizers.gem_projection(memory, margin=margin, ridge=ridge), optimizer))

  return parts.compose(
      edit=edit,
      objective=objectives.objective(
          forget=objectives.scaled(objectives.cross_entropy, -weight),
          retain=objectives.cross_entropy),
      transform=transform, schedule=schedules.paired(steps, batch_size))


def _gradient(problem, params, examples: int, key):
  """The mean gradient of the cross-entropy over some forget examples."""
  part = problem.forget.drawn(examples, key)
  return jax.tree.map(
      lambda g: g / len(part), passes.gradient(problem, params, part))


def example_localization(
    optimizer: optax.GradientTransformation | None = None, *,
    share: float = .3, channel_share: float = .1, published: bool = False,
    steps: int = 300, batch_size: int = 128,
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
    batch_size: retain examples a step.

  Returns:
    The method. Cost: 3 passes over the forget set, `3 * steps * batch_size` over
    retained data. It needs `Network.init`.

  Example:
    >>> method = example_localization(optax.sgd(.05, momentum=.9), channel_share=.1)

  Source: DEL, deletion by example localization (arXiv 2412.02432), exact from code,
  but with the last batch of the forget set, which the code drops.
  """
  optimizer = optimizer or optax.sgd(
      optax.cosine_decay_schedule(.015, steps, .01), momentum=.9)
  h = (lambda site: site.folded[2] // 10) if published else channel_share

  def method(problem, key):
    stopwatch = parts.Stopwatch()
    fresh_key, *keys = jax.random.split(key, 4)
    with stopwatch('edit'):
      gradient = passes.gradient(problem, problem.params, problem.forget)
      scores = masks.by_channel(
          masks.weighted(gradient, problem.params), passes.sites(problem), h)
      mask = masks.top(
          masks.only_trainable(scores, problem.network.trainable), share)
      if problem.forget_classes and not published:
        forgotten = head.of_classes(problem, problem.forget_classes)
        mask = jax.tree.map(jnp.logical_or, mask, forgotten)
      params = edits.reset(
          problem.params, training.fresh(problem.network, fresh_key), mask)
      own = head.parameters(problem)
      free = jax.tree_util.tree_map_with_path(
          lambda path, m: m | (paths.path_name(path) in own), mask)
    return composition.train(
        problem, params, objectives.objective(retain=objectives.cross_entropy),
        masks.confine(optimizer, free),
        schedules.retain_only(steps, batch_size), keys, stopwatch)
  return method
