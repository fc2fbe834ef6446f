"""The page: sections in the order of reading, in one file without a script."""

from collections.abc import Mapping, Sequence
import functools

from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import figures
from unsc_jax.report import first_screen as screen
from unsc_jax.report import measure_tables
from unsc_jax.report import numerals
from unsc_jax.report import overview
from unsc_jax.report import results as results_lib
from unsc_jax.report import tables
from unsc_jax.report import verdict as verdict_lib
from unsc_jax.report import wording
from unsc_jax.report.html import document
from unsc_jax.report.html import markup
from unsc_jax.report.html import svg

_SIGNS = {'good': '✓ Good', 'warning': '▲ Beware', 'note': '• Note'}
_OPEN = 3  # methods, or layers, that are laid open; of more, the rest is folded
_MOST_GAPS = 4  # in words, before the rest is folded
_MOST_SPECTRA = 60


def render(results: results_lib.Results) -> str:
  """Makes one HTML file that needs no other, of an experiment's results.

  Args:
    results: of the experiment.

  Returns:
    The file's text.
  """
  comparison = comparison_lib.compare(results)
  folded = functools.partial(markup.Section, folded=True)
  return document.document(title(results), _subtitle(results), [
      markup.Section('answers', 'In short', screen.first_screen(results, comparison)),
      markup.Section('methods', 'Methods side by side',
                     overview.table(results, comparison) + measure_tables.tips(comparison)),
      markup.Section('gaps', 'All gaps', _gaps(comparison)),
      folded('findings', 'What was found, method by method', verdict(comparison)),
      folded('measures', 'All measures in numbers', _measures(comparison)),
      folded('classes', 'Class by class', _classes(results, comparison)),
      folded('losses', 'Trained on, or unseen?', _figures(
          {'losses': figures.losses(results)})),
      folded('features', 'Behind the answers', _figures({
          'feature-map': figures.feature_map(results),
          'relearn': figures.relearn(results)})),
      folded('layers', 'Room in the layers', _layers(results)),
      folded('energy', 'Tighter and looser protection', _figures({
          'energy': figures.energy_curve(results),
          'trade-off': figures.trade_off(results)})),
      folded('loss', 'Loss while unlearning', _by_method(
          'loss', results.methods, lambda m: figures.loss(results, m))),
      folded('time', 'Wall time', _figures({'wall-time': figures.wall_time(results)})
             + tables.wall_time(results)),
      folded('meaning', 'What the measures mean', measure_tables.glossary(comparison)),
      folded('made', 'How it was made', tables.made(results))])


def title(results: results_lib.Results) -> str:
  """What was forgotten, of what."""
  return f'Forgetting {wording.forgotten(results)} of {results.dataset.name}'


def _subtitle(results) -> str:
  parts = [results.experiment.replace('_', ' '), results.config.get('model'),
           numerals.plural(len(results.seeds), 'seed'), results.created[:10]]
  return ' · '.join(str(part) for part in parts if part)


def verdict(comparison: comparison_lib.Comparison, most: int = 2) -> str:
  """The verdict as HTML: of more methods the headlines alone, to be opened."""
  verdicts = verdict_lib.verdict(comparison)
  folded = sum(bool(v.headline and v.findings) for v in verdicts) > most
  out = []
  for headline, findings in verdicts:
    listed = _findings(findings)
    if headline and listed and folded:
      out.append(markup.details(headline, listed, 'method'))
    else:
      out.append((markup.paragraph(headline, 'headline') if headline else '') + listed)
  return '\n'.join(out)


def _findings(findings: Sequence[verdict_lib.Finding]) -> str:
  if not findings:
    return ''
  gaps = [f for f in findings if f.tone == 'warning']
  folded = gaps[_MOST_GAPS:] if len(gaps) > _MOST_GAPS + 1 else []
  listed = markup.element('ul', '\n'.join(
      _finding(f) for f in findings if f not in folded), class_='findings')
  if not folded:
    return listed
  rest = markup.element('ul', '\n'.join(map(_finding, folded)), class_='findings')
  return listed + markup.details(
      f'{numerals.plural(len(folded), "further warning")}', rest)


def _finding(finding) -> str:
  sign = markup.element('span', _SIGNS[finding.tone], class_=f'sign {finding.tone}')
  return markup.element(
      'li', f'{sign} {markup.element("span", markup.escape(finding.text))}')


def _gaps(comparison) -> str:
  """The figure over the whole width and, for a phone, a narrow one."""
  wide, narrow = (figures.gaps(comparison, width=width)
                  for width in (figures.FULL_WIDTH, figures.WIDTH))
  if not wide or not narrow:
    return ''
  return (markup.element('div', _figure('gaps', wide, ''), class_='wide')
          + markup.element('div', _figure('gaps-narrow', narrow, ''), class_='narrow'))


def _measures(comparison) -> str:
  caveat = ''
  if 0 < comparison.references < 3:
    caveat = markup.paragraph(
        'With fewer than three retrained models the noise bands are the sampling '
        'error of the images, and where that is not known either, nothing is '
        'judged.')
  return measure_tables.measures(comparison) + caveat


def _classes(results, comparison) -> str:
  methods = comparison.judged_methods or (comparison_lib.ORIGINAL,)
  return (_figures({'called': figures.called(results),
                    'confusion': figures.confusion(results),
                    'class-scatter': figures.class_scatter(results)})
          + _by_method('per-class', methods, lambda m: figures.per_class(results, m))
          + tables.class_accuracies(results))


def _layers(results) -> str:
  if not results.layers:
    return _figures({'contours': figures.contours(results)})
  spectra = {f'spectrum-{i}': figures.spectrum(layer)
             for i, layer in enumerate(results.layers[:_MOST_SPECTRA])}
  drawn = _figures(spectra, 'figures tiles')
  if len(spectra) > 2 * _OPEN:
    drawn = markup.details(
        f'Spectra of {numerals.plural(len(spectra), "layer")}', drawn)
  return (markup.paragraph(
      'A layer may change only in directions that the remaining data do not '
      'use. The spectra show how much of the inputs lies in every direction '
      '(the eigenvalues of their second moments), the dotted line where kept '
      'directions end and free ones begin.' + (
          ' A soft filter cuts nothing: it damps every direction by how much the '
          'remaining data use it, and the line is where as many are kept in effect.'
          if any(layer.damped for layer in results.layers) else ''))
          + _figures({'free': figures.free_directions(results),
                      'contours': figures.contours(results)})
          + tables.layers(results) + drawn)


def _by_method(name: str, methods, draw) -> str:
  """A figure for every method that has one; of many, the rest is folded."""
  plots = {f'{name}-{i}': plot for i, method in enumerate(methods)
           if (plot := draw(method))}
  shown, folded = ({n: p for i, (n, p) in enumerate(plots.items())
                    if (i < _OPEN) == first} for first in (True, False))
  if len(folded) == 1:
    shown, folded = plots, {}
  return _figures(shown) + (markup.details(
      f'The same for {numerals.plural(len(folded), "further method")}',
      _figures(folded)) if folded else '')


def _figures(plots: Mapping[str, svg.Plot | None], class_: str = 'figures') -> str:
  """Figures by name, with what they show in words beneath."""
  shown = [_figure(name, plot, markup.element('h3', markup.escape(plot.title)))
           for name, plot in plots.items() if plot]
  return markup.element('div', '\n'.join(shown), class_=class_) if shown else ''


def _figure(name: str, plot: svg.Plot, heading: str) -> str:
  return markup.element('figure', ''.join((
      heading, svg.inline(plot, name),
      # Read out already, as the drawing's description.
      markup.element('figcaption', markup.escape(plot.text), aria_hidden='true'))))
