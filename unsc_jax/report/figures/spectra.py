"""What the layers' inputs span, and what of it is free to change."""


from matplotlib import ticker
import numpy as np

from unsc_jax.report import numerals
from unsc_jax.report import results as results_lib
from unsc_jax.report import wording
from unsc_jax.report.figures import looks
from unsc_jax.report.html import svg

_MOST_POINTS = 160
_NOISE = 1e-6  # of the largest: float32 knows little below
_FLOOR = 1e-9  # and is drawn as if it knew nothing here


def spectrum(layer: results_lib.Layer) -> svg.Plot | None:
  """Eigenvalues of a layer's second moments, kept and free ones told apart.

  Args:
    layer: with the eigenvalues of `d` directions.

  Returns:
    The plot; None where no eigenvalue is a number above zero.
  """
  values = np.nan_to_num(np.array(layer.eigenvalues, float), posinf=0., neginf=0.)
  if values.max() <= 0:
    return None
  rank, d = layer.rank, len(values)
  relative = np.maximum(values / values.max(), _FLOOR)
  share = values[:rank].sum() / values.sum()
  least = values.min() / values.max()
  least = numerals.scientific(least) if least > _NOISE else 'under 1e−6'

  def draw(figure):
    axes = figure.subplots()
    for start, end, colour, line, label in (
        (0, rank, svg.BLUE, '-', f'{rank} kept'),
        (rank, d, svg.ORANGE, '--', f'{d - rank} free')):
      if start == end:
        continue
      # Direction i lies from i - 1/2 to i + 1/2.
      steps = start + _thin(end - start)
      heights, edges = relative[steps], np.append(steps, end) + .5
      axes.stairs(heights, edges, baseline=_FLOOR / 10, fill=True, alpha=.35,
                  color=colour, linewidth=0)
      axes.stairs(heights, edges, baseline=None, color=colour, linestyle=line,
                  linewidth=1.6, label=label)
    axes.axvline(rank + .5, color=svg.INK, lw=1, ls=':')
    axes.set(xscale='log', yscale='log', xlabel='direction', ylabel='eigenvalue / largest',
             ylim=(max(relative.min() / 3, _FLOOR / 3), 3), xlim=(.5, d + .5))
    for axis in (axes.xaxis, axes.yaxis):
      axis.set_major_locator(ticker.LogLocator(numticks=6))
      axis.set_minor_locator(ticker.NullLocator())
      axis.set_major_formatter(ticker.FuncFormatter(svg.power_of_ten))
    if d < 40:
      axes.set_xticks([t for t in (1, 2, 5, 10, 20) if t <= d])
    axes.grid()
    looks.legend_on_top(figure)

  return svg.Plot(
      f'Spectrum of {layer.path}',
      f'{d} directions of the inputs of {layer.path}: the first {rank}, '
      f'which carry {numerals.percent(share, 2)} of the energy, are kept'
      f'{" in effect" if layer.damped else ""}; {d - rank} are free. The smallest '
      f'eigenvalue is {least} of the largest.',
      3., 2.4, draw)


def free_directions(results: results_lib.Results) -> svg.Plot | None:
  """The share of every layer's input directions that is kept and free.

  Args:
    results: with `layers`.

  Returns:
    The plot; None without layers.
  """
  layers = results.layers
  if not layers:
    return None
  free = np.array([100 * layer.free / layer.fan_in for layer in layers])

  def draw(figure):
    axes = figure.subplots()
    y = np.arange(len(layers))
    style = {'edgecolor': svg.INK, 'linewidth': .7, 'height': .62}
    axes.barh(y, 100 - free, color=svg.BLUE, hatch='///', label='kept', **style)
    axes.barh(y, free, left=100 - free, color=svg.ORANGE, label='free to change', **style)
    for at, layer in zip(y, layers):
      axes.text(102, at, f'{layer.free} of {layer.fan_in}', va='center',
                fontsize=9)
    axes.text(102, -.75, 'free', va='center', fontsize=9)
    axes.set_yticks(y, [_short(layer.path) for layer in layers])
    axes.set(xlim=(0, 100), ylim=(len(layers) - .4, -.6),
             xlabel='directions of the inputs, %')
    axes.tick_params(axis='y', length=0)
    looks.legend_on_top(figure)

  by_share = [layers[i] for i in np.argsort(free, kind='stable')]
  said = layers if len(layers) <= 8 else [*by_share[:3], by_share[-1]]
  text = wording.listing([f'{layer.path} {layer.free} of {layer.fan_in}'
                          for layer in said], most=8)
  full = [layer.path for layer in layers if not layer.free]
  tightest = (f'No direction is free in {wording.listing(full)}, which cannot '
              'change at all.' if full else
              f'The tightest layer is {by_share[0].path}.')
  return svg.Plot(
      'Free directions by layer',
      f'Free directions{"" if said is layers else " (the three fewest, the most)"}: '
      f'{text}. {tightest}',
      looks.WIDTH, .95 + .3 * len(layers), draw)


def _short(path: str) -> str:
  """A parameter's path, without what all of them end in."""
  path = path.removesuffix('/kernel').removeprefix('params/')
  return path if len(path) <= 26 else f'…{path[-25:]}'


def _thin(count: int) -> np.ndarray:
  """The first of some steps among `count`, fine on a logarithmic axis too."""
  if count <= _MOST_POINTS:
    return np.arange(count)
  fine = np.geomspace(1, count, _MOST_POINTS // 2) - 1
  even = np.linspace(0, count - 1, _MOST_POINTS // 2)
  return np.unique(np.concatenate([fine, even]).astype(int))
