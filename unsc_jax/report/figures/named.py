"""Every figure of some results by its name, and of which method or layer it is."""

from collections.abc import Callable
import functools

from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import results as results_lib
from unsc_jax.report.figures.class_scatter import class_scatter
from unsc_jax.report.figures.confusion import called
from unsc_jax.report.figures.confusion import confusion
from unsc_jax.report.figures.contours import contours
from unsc_jax.report.figures.energy import energy_curve
from unsc_jax.report.figures.energy import trade_off
from unsc_jax.report.figures.feature_map import feature_map
from unsc_jax.report.figures.gaps import gaps
from unsc_jax.report.figures.histograms import losses
from unsc_jax.report.figures.loss import loss
from unsc_jax.report.figures.per_class import per_class
from unsc_jax.report.figures.relearn import relearn
from unsc_jax.report.figures.spectra import free_directions
from unsc_jax.report.figures.spectra import spectrum
from unsc_jax.report.figures.wall_time import wall_time
from unsc_jax.report.html import svg

_OF_ALL = (called, class_scatter, confusion, contours, energy_curve, feature_map,
           free_directions, losses, relearn, trade_off, wall_time)
_OF_METHODS = (loss, per_class)

Make = Callable[[], svg.Plot | None]


def named(results: results_lib.Results) -> dict[str, dict[str | None, Make]]:
  """How to make each figure: by its name, and by method or layer or None.

  A figure whose data the results do not have is made to None.
  """
  bound = functools.partial
  return {
      'gaps': {None: lambda: gaps(comparison_lib.compare(results))},
      **{make.__name__: {None: bound(make, results)} for make in _OF_ALL},
      **{make.__name__: {method: bound(make, results, method)
                         for method in results.methods} for make in _OF_METHODS},
      'spectrum': {layer.path: bound(spectrum, layer)
                   for layer in results.layers}}


def one(results: results_lib.Results, name: str, of: str | None = None) -> svg.Plot:
  """One figure of some results; see `Results.figure`."""
  figures = named(results)
  if name not in figures:
    raise ValueError(f'no figure is called {name!r}: choose one of {", ".join(figures)}.')
  kinds = figures[name]
  if of not in kinds and kinds:
    known = ', '.join(kind for kind in kinds if kind)
    raise ValueError(
        f'the figure {name!r} is of all methods; leave {of!r} out.' if not known else
        f'the figure {name!r} is not of {of!r}: choose one of {known}.' if of else
        f'the figure {name!r} is of one at a time: add one of {known}.')
  plot = kinds[of]() if kinds else None
  if plot is None:
    raise ValueError(f'the results have no data for the figure {name!r}; see the page for '
                     'what they have.')
  return plot
