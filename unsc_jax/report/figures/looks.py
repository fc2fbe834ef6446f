"""A colour, a hatch and a marker for everything, so that no one has to do."""

from collections.abc import Collection, Mapping, Sequence
import textwrap
from typing import NamedTuple

from unsc_jax.report import comparison
from unsc_jax.report import numerals
from unsc_jax.report import results as results_lib
from unsc_jax.report import wording
from unsc_jax.report.html import svg

WIDTH = 4.4  # inches, for a figure that fills a column or a phone
FULL_WIDTH = 11.6  # for one that fills the page


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
    Look(svg.BLUE, '++', '<', ':'),
    Look(svg.VERMILLION, '|||', 'X', '-.'),
    Look(svg.SKY, '//', 'h', '-'),
)
MOST_PANELS = 6


def look(methods, method: str) -> Look:
  """The look of one of several methods."""
  if method in _FIXED:
    return _FIXED[method]
  others = [name for name in methods if name not in _FIXED]
  return _OTHERS[others.index(method) % len(_OTHERS)]


def panels(results: results_lib.Results, drawable: Collection[str],
           most: int = MOST_PANELS) -> tuple[list[str], str]:
  """The methods to set side by side, before, after and retrained.

  Args:
    results: with `methods`.
    drawable: the methods that have something to show.
    most: of them in one figure.

  Returns:
    The methods in order, and a sentence about those left out, if any.
  """
  rest = [m for m in results.methods if m in drawable and m not in _FIXED]
  ends = [m for m in (comparison.ORIGINAL, comparison.REFERENCE) if m in drawable]
  shown = rest[:most - len(ends)]
  order = [*ends[:1], *shown, *ends[1:]]
  if comparison.CONTROL in drawable and len(order) < most:
    order.append(comparison.CONTROL)
  left = len(rest) - len(shown)
  return order, (f' {numerals.plural(left, "further method")} '
                 f'{"is" if left == 1 else "are"} not drawn.' if left else '')


def grid(figure, count: int, columns: int, **more) -> list:
  """Axes of small multiples, row by row; places that are left over are empty."""
  rows = -(-count // columns)
  axes = figure.subplots(rows, columns, squeeze=False, **more).ravel()
  for unused in axes[count:]:
    unused.set_axis_off()
  return list(axes[:count])


def titles(methods: Sequence[str], columns: int) -> dict[str, str]:
  r"""What stands above the panel of each method, in lines that its column has room for.

  Example:
    >>> titles(['one_class_protected', 'unsc'], 3)
    {'one_class_protected': 'UNSC, one class\nprotected', 'unsc': 'UNSC'}
  """
  room = {1: 44, 2: 22}.get(columns, 16)
  return {method: '\n'.join(textwrap.wrap(wording.method(method), room, max_lines=2,
                                          placeholder='…')) for method in methods}


def title_height(titles: Mapping[str, str], columns: int) -> float:
  """Inches that second lines of titles take, in all rows of panels."""
  lines = ['\n' in title for title in titles.values()]
  return .17 * sum(any(lines[i:i + columns]) for i in range(0, len(lines), columns))


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


def class_label(name: str, forgotten: bool) -> str:
  """A class's name beside an axis: short, and crossed if it was forgotten.

  Example:
    >>> class_label('Shirt', True)
    '✕ Shirt'
  """
  name = name if len(name) <= 18 else f'{name[:9]}…{name[-8:]}'
  return f'✕ {name}' if forgotten else name
