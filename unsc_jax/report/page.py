"""The page: sections in the order of reading, in one file without a script."""

from collections.abc import Mapping
from importlib import resources
from typing import Any

from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import figures
from unsc_jax.report import markup
from unsc_jax.report import schema
from unsc_jax.report import svg
from unsc_jax.report import tables
from unsc_jax.report import verdict as verdict_lib
from unsc_jax.report import wording

# Nothing is fetched, and a browser would refuse to.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_SIGNS = {'good': '✓ Good', 'warning': '▲ Beware', 'note': '• Note'}


def render(results: Mapping[str, Any]) -> str:
  """Makes one HTML file that needs no other, of an experiment's results.

  Args:
    results: what the experiment wrote as results.json; see `schema`.

  Returns:
    The file's text.

  Raises:
    ValueError: the results lack something or are of another schema.
  """
  schema.validate(results)
  comparison = comparison_lib.compare(results)
  sections = [section for section in (
      _verdict(comparison), _measures(results, comparison),
      _meaning(comparison), _classes(results, comparison), _layers(results),
      _energy(results), _loss(results), _time(results), _made(results)) if section]
  body = '\n'.join(sections)
  title = f'Forgetting {wording.forgotten(results)} of {results["dataset"]["name"]}'
  style = resources.files('unsc_jax.report').joinpath('style.css').read_text(
      encoding='utf-8')
  return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<link rel="icon" href="data:,">
<title>{markup.escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{markup.escape(title)}</h1>
{_subtitle(results)}
</header>
<main>
{body}
</main>
</body>
</html>
"""


def _subtitle(results) -> str:
  seeds = tables.seeds(results)
  parts = [results['experiment'].replace('_', ' '), results['config'].get('model'),
           wording.plural(len(seeds), 'seed'), results['created'][:10]]
  return markup.paragraph(' · '.join(str(part) for part in parts if part))


def _verdict(comparison) -> str:
  lines, items = [], []

  def flush():
    if items:
      lines.append(markup.element('ul', '\n'.join(items), class_='findings'))
      items.clear()
  for tone, text in verdict_lib.verdict(comparison):
    if tone == 'headline':
      flush()
      lines.append(markup.paragraph(text, 'headline'))
    else:
      sign = markup.element('span', _SIGNS[tone], class_=f'sign {tone}')
      items.append(markup.element(
          'li', f'{sign} {markup.element("span", markup.escape(text))}'))
  flush()
  return markup.section('verdict', 'Verdict', *lines)


def _measures(results, comparison) -> str:
  caveat = ''
  if 0 < comparison.references < 3:
    caveat = markup.paragraph(
        'With fewer than three retrained models the noise bands are the sampling '
        'error, as if all classes had the same number of images.')
  return markup.section(
      'measures', 'Measures', tables.judged(comparison), caveat,
      tables.others(comparison))


def _meaning(comparison) -> str:
  return markup.section(
      'meaning', 'What the measures mean', tables.glossary(comparison))


def _classes(results, comparison) -> str:
  methods = comparison.judged_methods or (comparison_lib.ORIGINAL,)
  plots = {f'per-class-{i}': figures.per_class(results, method)
           for i, method in enumerate(methods)}
  return markup.section(
      'classes', 'Class by class', _figures(plots),
      tables.class_accuracies(results))


def _layers(results) -> str:
  if not results['layers']:
    return ''
  plots = {f'spectrum-{i}': figures.spectrum(layer)
           for i, layer in enumerate(results['layers'])}
  return markup.section(
      'layers', 'Room in the layers',
      markup.paragraph(
          'A layer may change only in directions that the remaining data do not '
          'use. The spectra show how much of the inputs lies in every direction '
          '(the eigenvalues of their second moments), the dotted line where kept '
          'directions end and free ones begin.'),
      _figures({'free': figures.free_directions(results)}),
      tables.layers(results), _figures(plots, 'figures tiles'))


def _energy(results) -> str:
  return markup.section('energy', 'Tighter and looser protection', _figures({
      'energy': figures.energy_curve(results),
      'trade-off': figures.trade_off(results)}))


def _loss(results) -> str:
  return markup.section('loss', 'Loss', _figures({
      f'loss-{i}': figures.loss(results, method)
      for i, method in enumerate(results['methods'])}))


def _time(results) -> str:
  return markup.section('time', 'Wall time', _figures(
      {'wall-time': figures.wall_time(results)}), tables.wall_time(results))


def _made(results) -> str:
  return markup.section('made', 'How it was made', tables.made(results))


def _figures(plots: Mapping[str, svg.Plot | None], class_: str = 'figures') -> str:
  """Figures by name, with what they show in words beneath."""
  shown = [markup.element('figure', ''.join((
      markup.element('h3', markup.escape(plot.title)), svg.inline(plot, name),
      # Read out already, as the drawing's description.
      markup.element('figcaption', markup.escape(plot.text), aria_hidden='true'))))
           for name, plot in plots.items() if plot]
  return markup.element('div', '\n'.join(shown), class_=class_) if shown else ''
