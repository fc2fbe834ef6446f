"""Where the time went."""


from unsc_jax.report import comparison
from unsc_jax.report import numerals
from unsc_jax.report import results as results_lib
from unsc_jax.report import wording
from unsc_jax.report.figures import looks
from unsc_jax.report.html import svg

_PHASES = ((svg.GREEN, '||'), (svg.BLUE, '///'), (svg.ORANGE, ''),
           (svg.PURPLE, 'xxx'), (svg.SKY, '\\\\\\'), (svg.VERMILLION, '--'))


def wall_time(results: results_lib.Results) -> svg.Plot | None:
  """The seconds of every phase of every method, mean over seeds.

  Args:
    results: whose rows have `seconds`.

  Returns:
    The plot; None where nothing was timed.
  """
  spent = {m: phases for m in results.methods
           if (phases := comparison.phase_seconds(results, m))}
  if not any(sum(phases.values()) for phases in spent.values()):
    return None
  names = list(dict.fromkeys(p for phases in spent.values() for p in phases))
  longest = max(sum(phases.values()) for phases in spent.values())

  def draw(figure):
    axes = figure.subplots()
    for i, name in enumerate(names):
      colour, hatch = _PHASES[i % len(_PHASES)]
      for y, phases in enumerate(spent.values()):
        if name in phases:
          axes.barh(y, phases[name], .55, color=colour, hatch=hatch,
                    left=sum(phases[n] for n in names[:i] if n in phases),
                    edgecolor=svg.INK, linewidth=.7)
      axes.barh(0, 0, color=colour, hatch=hatch, edgecolor=svg.INK, linewidth=.7,
                label=name)
    for y, phases in enumerate(spent.values()):
      total = sum(phases.values())
      axes.text(total + .015 * longest, y, numerals.seconds(total), va='center',
                fontsize=9)
    axes.set_yticks(range(len(spent)), map(wording.method, spent))
    axes.set(xlim=(0, 1.22 * longest), ylim=(len(spent) - .5, -.5),
             xlabel='seconds')
    axes.tick_params(axis='y', length=0)
    axes.grid(axis='x')
    looks.legend_on_top(figure)

  return svg.Plot(
      'Wall time by phase',
      ' '.join(f'{wording.method(m)}: ' + wording.listing(
          [f'{name} {numerals.seconds(s)}' for name, s in phases.items()]) + '.'
          for m, phases in spent.items()),
      looks.WIDTH, 1. + .45 * len(spent), draw)
