"""The README's picture: every class before and after, beside retrained networks."""


from matplotlib import figure as figure_lib
import numpy as np

from unsc_jax import report

_BARS = (('original', 'before', '#B8C4CE'), ('unsc', 'after UNSC', '#0072B2'),
         ('retrain', 'retrained without it', '#E69F00'))


def draw(results: report.Results) -> figure_lib.Figure:
  """Test accuracy by class, a bar for each kind of network; means over networks.

  Args:
    results: of `experiments.forget_class`, with the rows of `_BARS`.

  Returns:
    The figure.
  """
  figure = figure_lib.Figure(figsize=(8, 2.7), layout='constrained')
  axes = figure.subplots()
  names = results.dataset.class_names
  at, width = np.arange(len(names)), .27
  for i, (method, label, colour) in enumerate(_BARS):
    rows = [row.per_class for row in results.rows if row.method == method]
    height = 100 * np.mean(np.array(rows, float), 0)
    axes.bar(at + (i - 1) * width, height, width, label=label, color=colour)
  for c in results.forget_classes:
    axes.axvspan(c - .5, c + .5, color='#D55E00', alpha=.1, linewidth=0)
  axes.set_xticks(at, [f'{name}\nforgotten' if c in results.forget_classes else name
                       for c, name in enumerate(names)])
  axes.set(ylabel='test accuracy (%)', ylim=(0, 105), xlim=(-.6, len(names) - .4))
  axes.spines[['top', 'right']].set_visible(False)
  figure.legend(loc='outside upper center', ncols=3, frameon=False)
  return figure
