"""A colour, a hatch and a marker for everything, so that no one has to do."""

from typing import NamedTuple

from unsc_jax.report import comparison
from unsc_jax.report import svg

WIDTH = 4.4  # inches, for a figure that fills a column or a phone


class Look(NamedTuple):
  """How a method is drawn. Lines only: dots as hatches are 250 kB each."""
  colour: str
  hatch: str
  marker: str
  dashes: str


_FIXED = {
    comparison.ORIGINAL: Look(svg.ORANGE, '', 'o', '-'),
    comparison.REFERENCE: Look(svg.GREEN, '||', 's', '--'),
    comparison.CONTROL: Look(svg.PURPLE, 'xxx', '^', ':'),
}
_OTHERS = (
    Look(svg.BLUE, '///', 'D', '-.'),
    Look(svg.VERMILLION, '\\\\\\', 'v', '-'),
    Look(svg.SKY, '--', 'P', '--'),
)


def look(methods, method: str) -> Look:
  """The look of one of several methods."""
  if method in _FIXED:
    return _FIXED[method]
  others = [name for name in methods if name not in _FIXED]
  return _OTHERS[others.index(method) % len(_OTHERS)]


def bar(look: Look) -> dict:
  """Arguments of `Axes.bar` and `Axes.barh`: the outline carries the contrast."""
  return {'color': look.colour, 'hatch': look.hatch, 'edgecolor': svg.INK,
          'linewidth': .7}


_LEGEND = {'borderaxespad': .2, 'columnspacing': 1.1, 'handlelength': 1.7}


def legend_above(axes, columns: int = 3) -> None:
  """A legend over one of several axes, where it covers nothing."""
  axes.legend(loc='lower left', bbox_to_anchor=(0, 1), ncols=columns, **_LEGEND)


def legend_on_top(figure, columns: int = 3) -> None:
  """A legend over all of a figure, which may be wider than its axes."""
  figure.legend(loc='outside upper left', ncols=columns, **_LEGEND)
