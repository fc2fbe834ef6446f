"""How the losses of trained, unseen and forgotten images are spread."""


import numpy as np

from unsc_jax.report import numerals
from unsc_jax.report import results as results_lib
from unsc_jax.report import wording
from unsc_jax.report.figures import looks
from unsc_jax.report.html import svg

_KINDS = {  # name, colour, dashes, width
    'retain': ('remaining, trained on', svg.BLUE, '-', 1.2),
    'unseen': ('unseen', svg.GREEN, '--', 1.4),
    'forget': ('forgotten', svg.VERMILLION, '-', 2.),
}


def losses(results: results_lib.Results) -> svg.Plot | None:
  """Histograms of the loss of member, unseen and forgotten images.

  Args:
    results: with `pictures.losses` in `E` bins.

  Returns:
    The plot; None without the data.
  """
  histograms = results.pictures.losses
  if not histograms or not histograms.counts:
    return None
  methods, left_out = looks.panels(results, histograms.counts)
  edges = np.array(histograms.edges)
  # One unit whatever was counted.
  spread = {m: {name: _normal(getattr(histograms.counts[m], name)) for name in _KINDS}
            for m in methods}
  columns = min(2, len(methods))
  titles = looks.titles(methods, columns)
  highest = max(float(kinds[name].max()) for kinds in spread.values() for name in _KINDS)

  def draw(figure):
    panels = looks.grid(figure, len(methods), columns, sharex=True, sharey=True)
    for axes, (method, kinds) in zip(panels, spread.items()):
      for name, (label, colour, dashes, width) in _KINDS.items():
        if name == 'retain':
          axes.stairs(100 * kinds[name], edges, fill=True, color=colour,
                      alpha=.25, lw=0)
        axes.stairs(100 * kinds[name], edges, baseline=None, color=colour,
                    ls=dashes, lw=width,
                    label=label if method == methods[0] else None)
      axes.set_title(titles[method])
      _scale(axes, edges)
      axes.set_ylim(0, 105 * highest)
      axes.grid()
    figure.supxlabel('cross-entropy loss', fontsize=10)
    figure.supylabel('share of images, %', fontsize=10)
    looks.legend_on_top(figure)

  return svg.Plot(
      'Loss of trained, unseen and forgotten images',
      'Overlap of the forgotten images’ losses with those of unseen ones '
      '(all classes): ' + wording.listing([
          f'{wording.method(m)} {numerals.percent(overlap(s["forget"], s["unseen"]), 0)}'
          for m, s in spread.items()])
      + '; with those of remaining training images: ' + wording.listing([
          f'{wording.method(m)} {numerals.percent(overlap(s["forget"], s["retain"]), 0)}'
          for m, s in spread.items()]) + f'.{left_out}',
      looks.WIDTH, .95 + 1.55 * -(-len(methods) // columns)
      + looks.title_height(titles, columns), draw)


def overlap(first: np.ndarray, second: np.ndarray) -> float:
  """The share that two histograms have in common: 1 for equal ones.

  Example:
    >>> overlap(np.array([.5, .5, 0.]), np.array([0., .5, .5]))
    0.5
  """
  return float(np.minimum(first, second).sum())


def _normal(shares) -> np.ndarray:
  shares = np.asarray(shares, float)
  return shares / max(shares.sum(), 1e-12)


def _scale(axes, edges) -> None:
  """A logarithmic axis for bins that grow."""
  first = edges[1] if edges[0] <= 0 else edges[0]
  if edges[0] >= 0 and edges[-1] / first > 100:
    if edges[0] <= 0:
      axes.set_xscale('symlog', linthresh=first, linscale=.5)
    else:
      axes.set_xscale('log')
    powers = 10.**np.arange(np.ceil(np.log10(first)), np.floor(np.log10(edges[-1])) + 1)
    powers = powers[::-(-len(powers) // 4)]
    axes.set_xticks(powers, map(svg.power_of_ten, powers))
    axes.minorticks_off()
  axes.set_xlim(edges[0], edges[-1])
