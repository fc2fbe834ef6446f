"""Pictures of the pages as files."""

from collections.abc import Callable
import pathlib
from typing import Any

import matplotlib
from matplotlib import figure as figure_lib


def write(draw: Callable[[Any], figure_lib.Figure], results: Any, path: pathlib.Path,
          **style: Any) -> None:
  """A figure of some results as SVG, the same for the same results.

  Args:
    draw: from the results to the figure.
    results: what it shows.
    path: of the file.
    **style: further settings of Matplotlib, with `_` for `.` in their names.
  """
  further = {name.replace('_', '.', 1): value for name, value in style.items()}
  with matplotlib.rc_context({
      'svg.hashsalt': 'unsc_jax', 'svg.fonttype': 'none', **further}):
    draw(results).savefig(path, metadata={'Date': None}, facecolor='white')
