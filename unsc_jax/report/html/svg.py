"""Matplotlib figures as inline SVG: small, accessible, light and dark.

Neutral colours are placeholders that become CSS variables of the page; text
stays text; a title and a description say in words what the figure shows.
"""

from collections.abc import Callable, Generator
import contextlib
import dataclasses
import functools
import html
import io
import re
from typing import Any
import warnings

import matplotlib
from matplotlib import figure as figure_lib
from matplotlib.backends import backend_svg

# Okabe and Ito's palette, without its black and yellow: those vanish on one of
# the two backgrounds.
ORANGE, SKY, GREEN = '#E69F00', '#56B4E9', '#009E73'
BLUE, VERMILLION, PURPLE = '#0072B2', '#D55E00', '#CC79A7'
INK, MUTED, GRID, PAPER = '#010203', '#808182', '#d8d9da', '#fcfdfe'

_VARIABLES = {INK: 'var(--ink)', MUTED: 'var(--muted)', GRID: 'var(--grid)',
              PAPER: 'var(--paper)'}
_STYLE: dict[Any, Any] = {
    'svg.hashsalt': 'unsc_jax', 'svg.fonttype': 'none',
    'text.parse_math': False, 'axes.unicode_minus': True,
    'font.family': 'sans-serif', 'font.sans-serif': ['DejaVu Sans'],
    'font.size': 10., 'axes.labelsize': 10., 'axes.titlesize': 10.,
    'xtick.labelsize': 9., 'ytick.labelsize': 9., 'legend.fontsize': 9.,
    'text.color': INK, 'axes.labelcolor': INK, 'axes.titlecolor': INK,
    'xtick.color': MUTED, 'ytick.color': MUTED, 'xtick.labelcolor': INK,
    'ytick.labelcolor': INK, 'axes.edgecolor': MUTED, 'axes.linewidth': .8,
    'axes.facecolor': 'none', 'figure.facecolor': 'none', 'grid.color': GRID,
    'grid.linewidth': .8, 'axes.axisbelow': True, 'axes.spines.top': False,
    'axes.spines.right': False, 'legend.frameon': False,
    'hatch.linewidth': .7, 'lines.linewidth': 1.6, 'lines.markersize': 5.,
}


@dataclasses.dataclass(frozen=True)
class Plot:
  """A figure in words and in pictures; drawn when somebody looks at it.

  Attributes:
    title: a few words.
    text: what it shows, in sentences with the main numbers, for those who cannot see it.
    width: in inches.
    height: in inches.
    draw: adds axes and what is in them to the figure.
  """
  title: str
  text: str
  width: float
  height: float
  draw: Callable[[figure_lib.Figure], None]

  @functools.cached_property
  def svg(self) -> str:
    """The figure as an `<svg>` element in the page's colours."""
    out = io.StringIO()
    with _styled():
      # Unlike `savefig` it lays the figure out while it draws it, not in a drawing before.
      backend_svg.FigureCanvasSVG(self._drawn()).print_svg(out, metadata=dict.fromkeys(
          ('Creator', 'Date', 'Format', 'Type')))
    return _clean(out.getvalue())

  def figure(self) -> figure_lib.Figure:
    """The figure for a paper: `savefig` writes it as PDF, PNG or SVG, on white."""
    with _styled():
      figure = self._drawn()
    figure.set_facecolor('white')
    return figure

  def _drawn(self) -> figure_lib.Figure:
    figure = figure_lib.Figure(figsize=(self.width, self.height), layout='constrained')
    self.draw(figure)
    return figure


@contextlib.contextmanager
def _styled() -> Generator[None]:
  with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
    # The reader's fonts count, not the ones on this machine.
    warnings.filterwarnings('ignore', message='Glyph')
    yield


def inline(plot: Plot, name: str) -> str:
  """The plot as an `<svg>` element.

  Args:
    plot: a figure.
    name: unique on the page; ids start with it.

  Returns:
    HTML.
  """
  svg = re.sub(r'(\bid="|href="#|url\(#)', rf'\g<1>{name}-', plot.svg)
  head = (f'<svg role="img" aria-labelledby="{name}-title" '
          f'aria-describedby="{name}-desc"')
  words = (f'<title id="{name}-title">{html.escape(plot.title)}</title>'
           f'<desc id="{name}-desc">{html.escape(plot.text)}</desc>')
  svg = svg.replace('<svg', head, 1)
  end = svg.index('>') + 1
  return svg[:end] + words + svg[end:]


def _clean(svg: str) -> str:
  """What HTML needs of a file of Matplotlib's, with the page's colours."""
  svg = svg[svg.index('<svg'):]
  svg = re.sub(r'<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->', '',
               svg, flags=re.DOTALL)
  svg = re.sub(r'<defs>\s*</defs>', '', svg)
  svg = re.sub(r' xmlns(:xlink)?="[^"]*"', '', svg)
  svg = svg.replace('xlink:href', 'href')
  svg = re.sub(r'font-family: [^;"]*', 'font-family: var(--font)', svg)
  for colour, variable in _VARIABLES.items():
    svg = svg.replace(colour, variable)
  # A hundredth of a point is finer than any screen or printer.
  shorter = lambda tag: re.sub(
      r'-?\d+\.\d{3,}', lambda number: f'{float(number[0]):.2f}', tag[0])
  return re.sub(r'\s*\n\s*', '\n', re.sub(r'<[^>]*>', shorter, svg))


def power_of_ten(value: float, _=None) -> str:
  """A tick of a logarithmic axis.

  Example:
    >>> power_of_ten(1e-7), power_of_ten(1.), power_of_ten(1000.)
    ('10⁻⁷', '1', '1000')
  """
  if 1 <= value <= 10_000:
    return f'{value:g}'
  exponent = f'{value:e}'.split('e')[1]
  digits = str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹')
  return '10' + str(int(exponent)).translate(digits)
