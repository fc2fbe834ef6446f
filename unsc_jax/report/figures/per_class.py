"""Accuracy class by class: before, after, retrained."""


import numpy as np

from unsc_jax.report import comparison
from unsc_jax.report import numerals
from unsc_jax.report import results as results_lib
from unsc_jax.report import wording
from unsc_jax.report.figures import looks
from unsc_jax.report.html import svg

MOST = 20  # classes in one figure


def per_class(results: results_lib.Results, method: str) -> svg.Plot | None:
  """Bars of test accuracy for every class, the forgotten ones marked.

  Args:
    results: with `C` classes; of more than 20, the forgotten ones and those
      that changed most are shown.
    method: the one that is set beside the original and the retrained model.

  Returns:
    The plot; None where the method has no rows.
  """
  series = {m: comparison.class_means(results, m)
            for m in (comparison.ORIGINAL, method, comparison.REFERENCE)
            if m in results.methods}
  if method not in series:
    return None
  names, forgotten = results.dataset.class_names, results.forget_classes
  classes = _chosen(series, method, forgotten)

  def draw(figure):
    axes = figure.subplots()
    height, y = .8 / len(series), np.arange(len(classes))
    for i, (name, means) in enumerate(series.items()):
      at = y + (i - (len(series) - 1) / 2) * height
      axes.barh(at, 100 * np.nan_to_num(means[classes]), height,
                label=wording.method(name),
                **looks.bar(looks.look(results.methods, name)))
    for at, c in zip(y, classes):
      if c in forgotten:
        axes.axhspan(at - .5, at + .5, color=svg.MUTED, alpha=.22, lw=0, zorder=0)
    axes.set_yticks(y, [looks.class_label(names[c], c in forgotten) for c in classes])
    for label, c in zip(axes.get_yticklabels(), classes):
      label.set_fontweight('bold' if c in forgotten else 'normal')
    axes.set(xlim=(0, 100), ylim=(len(classes) - .5, -.5),
             xlabel='test accuracy, %')
    axes.tick_params(axis='y', length=0)
    axes.grid(axis='x')
    looks.legend_on_top(figure, len(series))

  return svg.Plot(
      f'Test accuracy by class, {wording.method(method)}',
      _text(results, series, method, len(classes)),
      looks.WIDTH, .85 + .36 * len(classes), draw)


def _chosen(series, method, forgotten) -> list[int]:
  count = len(series[method])
  if count <= MOST:
    return list(range(count))
  others = [means for name, means in series.items() if name != method]
  change = sum((np.abs(series[method] - other) for other in others),
               np.zeros(count))
  change = np.nan_to_num(change)
  change[list(forgotten)] += 9.
  return sorted(np.argsort(-change, kind='stable')[:MOST].tolist())


def _text(results, series, method, shown: int) -> str:
  forgotten, count = results.forget_classes, len(series[method])
  name = lambda c: wording.class_name(results, c)
  values = lambda chosen: wording.listing([
      f'{_mean(means[chosen])} {_WHEN.get(key, "after")}' for key, means in series.items()])
  if len(forgotten) > 4:
    together = values(list(forgotten))
    sentences = [f'The {len(forgotten)} forgotten classes together: {together}.']
  else:
    sentences = [f'Forgotten: {name(c)}, {values(c)}.' for c in forgotten]
  before = series.get(comparison.ORIGINAL)
  rest = [c for c in range(count) if c not in forgotten]
  if before is not None and rest:
    change = np.nan_to_num(series[method] - before)
    low, high = (pick(rest, key=lambda c: change[c]) for pick in (min, max))
    sentences.append(
        'The remaining classes changed by '
        f'{numerals.points(change[low])} points ({name(low)}: {values(low)}) to '
        f'{numerals.points(change[high])} points ({name(high)}: {values(high)}).'
        if change[low] < change[high] else
        'The remaining classes all changed by '
        f'{numerals.points(change[low])} points.')
  if shown < count:
    sentences.append(f'Of {count} classes, the {shown} are shown that are '
                     'forgotten or changed most.')
  return ' '.join(sentences)


def _mean(accuracies) -> str:
  """Over the classes that have test images."""
  known = accuracies[np.isfinite(accuracies)]
  return numerals.percent(known.mean()) if known.size else 'unknown'


_WHEN = {comparison.ORIGINAL: 'before', comparison.REFERENCE: 'retrained'}
