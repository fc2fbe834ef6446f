"""What images of every class are taken for."""


from matplotlib import collections
import numpy as np

from unsc_jax.report import numerals
from unsc_jax.report import results as results_lib
from unsc_jax.report import wording
from unsc_jax.report.figures import looks
from unsc_jax.report.html import svg

MOST = 20  # classes in one figure
_MOST_CALLED = 10


def confusion(results: results_lib.Results) -> svg.Plot | None:
  """Tables of true and predicted class as shades, method by method.

  Args:
    results: with `pictures.confusion` of `C` classes.

  Returns:
    The plot; None without the data, and for more than 20 classes, where no one
    could read it: `called` says what matters of it.
  """
  counts, classes = results.pictures.confusion, results.dataset.num_classes
  if not counts or classes > MOST:
    return None
  methods, left_out = looks.panels(results, counts)
  tables = {m: shares(counts[m]) for m in methods}
  columns = min(3, len(methods))
  titles = looks.titles(methods, columns)
  forgotten = results.forget_classes

  def draw(figure):
    panels = looks.grid(figure, len(methods), columns, sharex=True, sharey=True)
    edges = np.arange(classes + 1) - .5
    for axes, (method, table) in zip(panels, tables.items()):
      squares = [[(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)]
                 for y in edges[:-1] for x in edges[:-1]]
      # Transparency, so that the shades run from the paper of either mode.
      axes.add_collection(collections.PolyCollection(
          [s for s, share in zip(squares, table.ravel()) if share > .005],
          facecolors=[(*_rgb(svg.BLUE), round(share, 2))
                      for share in table.ravel() if share > .005],
          edgecolors='none', linewidths=0))
      for c in forgotten:
        axes.axhspan(c - .5, c + .5, fill=False, ec=svg.VERMILLION, lw=1.2)
      axes.set(title=titles[method], aspect='equal',
               xlim=(-.5, classes - .5), ylim=(classes - .5, -.5))
      step = 1 if classes <= 5 else 2 if classes <= 12 else 5
      axes.set_xticks(range(0, classes, step))
      axes.set_yticks(range(0, classes, step))
      axes.spines[['top', 'right']].set_visible(True)
      axes.tick_params(length=0, labelsize=8)
    figure.supxlabel('predicted class', fontsize=9)
    figure.supylabel('true class', fontsize=9)

  rows = -(-len(methods) // columns)
  return svg.Plot(
      'True and predicted class',
      f'Test images, one row for every true class, darker for a larger share; '
      f'{wording.forgotten(results)} outlined. ' + ' '.join(
          f'{wording.method(m)}: {_diagonal(tables[m], forgotten)}.' for m in methods)
      + left_out,
      looks.WIDTH, .5 + rows * 4.4 / columns * (1.02 if columns > 1 else .9)
      + looks.title_height(titles, columns), draw)


def called(results: results_lib.Results) -> svg.Plot | None:
  """What the forgotten classes' images are taken for now.

  Args:
    results: with `pictures.confusion` and forgotten classes.

  Returns:
    The plot; None without the data.
  """
  counts, forgotten = results.pictures.confusion, results.forget_classes
  if not counts or not forgotten:
    return None
  methods, left_out = looks.panels(results, counts, most=5)
  answers = {m: shares([np.sum([counts[m][c] for c in forgotten], 0)])[0]
             for m in methods}
  most = np.max(list(answers.values()), 0)
  order = [c for c in np.argsort(-most, kind='stable')[:_MOST_CALLED] if most[c] >= .01]
  name = lambda c: wording.class_name(results, c)

  def draw(figure):
    axes = figure.subplots()
    for i, (method, values) in enumerate(answers.items()):
      look = looks.look(results.methods, method)
      y = np.arange(len(order)) + (i - (len(answers) - 1) / 2) * .15
      axes.hlines(y, 0, 100 * values[order], color=look.colour, lw=1, alpha=.6)
      axes.plot(100 * values[order], y, look.marker, color=look.colour, ls='',
                ms=5.5, mec=svg.INK, mew=.6, label=wording.method(method))
    axes.set_yticks(range(len(order)), [
        looks.class_label(name(c), c in forgotten) for c in order])
    axes.set(xlim=(0, 103), ylim=(len(order) - .45, -.55),
             xlabel='share of the forgotten classes’ test images, %')
    axes.tick_params(axis='y', length=0)
    axes.grid(axis='x')
    looks.legend_on_top(figure, 3)

  return svg.Plot(
      f'What {wording.forgotten(results)} is called now', ' '.join(
          f'{wording.method(m)}: ' + wording.listing([
              f'{name(c)} {numerals.percent(values[c])}'
              for c in np.argsort(-values, kind='stable')[:3] if values[c] > 0]) + '.'
          for m, values in answers.items()) + left_out,
      looks.WIDTH, 1.1 + .12 * (len(answers) + 1) * len(order), draw)


def shares(table) -> np.ndarray:
  """The rows of a table of counts as shares; a row of nothing stays so.

  Example:
    >>> shares([[1, 3], [0, 0]]).tolist()
    [[0.25, 0.75], [0.0, 0.0]]
  """
  table = np.asarray(table, float)
  return table / np.maximum(table.sum(1, keepdims=True), 1e-12)


def _rgb(colour: str) -> tuple[float, ...]:
  return tuple(int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5))


def _diagonal(table, forgotten) -> str:
  right = np.diag(table)
  rest = [c for c in range(len(table)) if c not in forgotten]
  said = []
  if forgotten:
    said.append(f'{numerals.percent(right[list(forgotten)].mean())} of the '
                'forgotten classes right')
  if rest:
    said.append(f'{numerals.percent(right[rest].mean())} of the others')
  return wording.listing(said)


