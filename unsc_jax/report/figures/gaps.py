"""All gaps to the retrained models in one picture."""

import numpy as np

from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import metrics as metrics_lib
from unsc_jax.report import numerals
from unsc_jax.report import wording
from unsc_jax.report.figures import looks
from unsc_jax.report.html import svg

MOST = 4  # methods beside the original and the control
_FARTHEST = 300.  # bands; what lies farther is drawn there


def gaps(comparison: comparison_lib.Comparison, width: float = looks.WIDTH
         ) -> svg.Plot | None:
  """Every judged measure's gap, with the noise band as its unit.

  Args:
    comparison: of `comparison.compare`.
    width: in inches.

  Returns:
    The plot; None where no method has a measure with a noise band.
  """
  methods = [m for m in (*comparison.judged_methods[:MOST],
                         comparison_lib.CONTROL, comparison_lib.ORIGINAL)
             if comparison.judged(m)]
  keys = [m.key for m in comparison.measures
          if any(m.key in comparison.judged(method) for method in methods)]
  if not keys or not set(methods) & set(comparison.judged_methods):
    return None
  places = {method: {key: gap_in_bands(comparison, method, key)
                     for key in comparison.judged(method)} for method in methods}

  def draw(figure):
    axes = figure.subplots()
    axes.axvspan(-1, 1, color=svg.GREEN, alpha=.18, lw=0)
    axes.axvline(0, color=svg.MUTED, lw=.8)
    for i, method in enumerate(methods):
      look = looks.look(comparison.methods, method)
      offset = (i - (len(methods) - 1) / 2) * .13
      x = [np.clip(places[method].get(key, np.nan), -_FARTHEST, _FARTHEST)
           for key in keys]
      control = method in (comparison_lib.CONTROL, comparison_lib.ORIGINAL)
      axes.plot(x, np.arange(len(keys)) + offset, look.marker, ls='',
                label=wording.method(method), color=look.colour, ms=6,
                mec=look.colour if control else svg.INK,
                mfc='none' if control else look.colour,
                mew=1.4 if control else .7)
    axes.set_xscale('symlog', linthresh=1, linscale=.8)
    ticks = (-100, -10, -1, 0, 1, 10, 100)
    axes.set_xticks(ticks, [f'{t}'.replace('-', '−') for t in ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(keys)), [metrics_lib.describe(k).name for k in keys])
    axes.set(xlim=(-1.4 * _FARTHEST, 1.4 * _FARTHEST), ylim=(len(keys) - .5, -.5))
    figure.supxlabel('gap in noise bands\n← too much taken \u2003 '
                     'too much left, or unlike →', fontsize=10)
    axes.tick_params(axis='y', length=0)
    axes.grid()
    looks.legend_on_top(figure, len(methods) if width > looks.WIDTH else 3)

  return svg.Plot(
      'All gaps to the retrained model', _text(comparison, methods, places),
      width, 1.35 + (.25 if width > looks.WIDTH else .3) * len(keys), draw)


def gap_in_bands(comparison: comparison_lib.Comparison, method: str, key: str) -> float:
  """A gap in noise bands: above 0 where too much is left or it is unlike."""
  cell = comparison.cells[method, key]
  metric, gap = metrics_lib.describe(key), cell.mean - cell.reference
  if metric.ideal is not None:
    gap = abs(cell.mean - metric.ideal) - abs(cell.reference - metric.ideal)
  elif metric.left == 'below':
    gap = -gap
  if not gap:
    return 0.
  return gap / cell.band if cell.band else float(np.copysign(np.inf, gap))


def _text(comparison, methods, places) -> str:
  sentences = []
  for method in methods:
    judged = comparison.judged(method)
    like = sum(cell.place == 'like' for cell in judged.values())
    sentence = (f'{wording.method(method)}: {like} of '
                f'{numerals.plural(len(judged), "measure")} in the noise band')
    far = max(judged, key=lambda key: abs(places[method][key]))
    if judged[far].place != 'like':
      size = abs(places[method][far])
      times = f'{size:.1f}' if size < 9.95 else f'{min(size, _FARTHEST):.0f}'
      sentence += (f'; farthest out is {wording.low(metrics_lib.describe(far).name)}'
                   f', by {"over " if size > _FARTHEST else ""}{times} bands')
    sentences.append(f'{sentence}.')
  left = len(comparison.judged_methods) - MOST
  if left > 0:
    sentences.append(f'{numerals.plural(left, "further method")} not drawn.')
  return ' '.join(sentences)
