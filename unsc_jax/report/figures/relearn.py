"""How soon what was forgotten is back."""


import numpy as np

from unsc_jax.report import comparison
from unsc_jax.report import numerals
from unsc_jax.report import results as results_lib
from unsc_jax.report import wording
from unsc_jax.report.figures import looks
from unsc_jax.report.html import svg


def relearn(results: results_lib.Results) -> svg.Plot | None:
  """Accuracy on the forgotten images while a few of them are learnt again.

  Args:
    results: with `relearning` in rows of the first seed.

  Returns:
    The plot; None without the data.
  """
  courses = {row.method: row.relearning for row in results.rows
             if row.relearning and row.seed == results.rows[0].seed}
  if not courses:
    return None
  methods, left_out = looks.panels(results, courses)
  steps, target = np.array(courses[methods[0]].steps), courses[methods[0]].target
  curves = {m: np.array(courses[m].accuracy, float) for m in methods}

  def draw(figure):
    axes = figure.subplots()
    axes.axhline(100 * target, color=svg.INK, lw=1, ls=(0, (1, 2)), label='goal')
    for i, (method, curve) in enumerate(curves.items()):
      look = looks.look(results.methods, method)
      every = max(1, len(steps) // 7)
      axes.plot(steps, 100 * curve, color=look.colour, ls=look.dashes,
                marker=look.marker, markevery=(i % every, every),
                lw=2.2 if method == comparison.REFERENCE else 1.6, clip_on=False,
                label=wording.method(method))
    axes.set(xlabel='steps of learning again', ylabel='forget accuracy, %',
             xlim=(steps[0], steps[-1]), ylim=(-2, 110))
    axes.set_yticks(range(0, 101, 20))
    axes.grid()
    looks.legend_on_top(figure, 3)

  said = []
  for method, curve in curves.items():
    when = first(steps, curve, target)
    said.append(f'{wording.method(method)} starts at {numerals.percent(curve[0])} '
                + ('and has never lost it' if when == steps[0] else
                   f'and is back at step {numerals.count(when)}' if when is not None
                   else f'and has {numerals.percent(curve[-1])} after '
                   f'{numerals.count(steps[-1])} steps'))
  return svg.Plot(
      'Learning the forgotten again', '; '.join(said) + '. Back means '
      f'{numerals.percent(target)}, 95 % of what the original had.{left_out}',
      looks.WIDTH, 3.1, draw)


def first(steps: np.ndarray, curve: np.ndarray, target: float) -> float | None:
  """The first step at which the target is reached; None if it never is.

  Example:
    >>> first(np.array([0, 5, 10]), np.array([.1, .6, .5]), .55)
    5.0
  """
  reached = np.flatnonzero(curve >= target)
  return float(steps[reached[0]]) if len(reached) else None
