"""The page of a record: what was asked and done, for who does not read JSON."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unsc_jax.report import numerals
from unsc_jax.report import wording
from unsc_jax.report.html import document
from unsc_jax.report.html import markup

Record = Mapping[str, Any]

# What a reader may take for proven and is not.
LIMITS = '''
Nothing here proves that the network is one that never saw the data. Layer drift and leak
are about retained inputs as they were at enrolment; whether something was forgotten was
measured as far as the tables say, on as many examples as they say, and other attacks may
find more.

The store keeps earlier weights, moments of the enrolled data and salted hashes of ids and
examples. Whoever has the store, its salt included, can find out whether an example that
they hold was enrolled, and can read the earlier weights.

The records are chained by hashes: none of them can be changed without all later ones.
Whoever may write to the store can write all of them anew; keep the newest hash somewhere
else to be sure.

Copies of the model and of the data outside this store are not reached by it.
'''


def render(record: Record, own: str) -> str:
  """One HTML file that needs no other.

  Args:
    record: of `history`.
    own: its hash.

  Returns:
    The file's text.
  """
  return document.document(_title(record), f'{record["created"]} · {record["kind"]}', [
      markup.Section('done', 'What was done', _done(record)),
      markup.Section('advice', 'Advice', _listed(record.get('advice', ()))),
      markup.Section('measured', 'What was measured', _measured(record.get('measures'))),
      markup.Section('earlier', 'Earlier requests, measured again',
                     _earlier(record.get('measures'))),
      markup.Section('limits', 'What this does not prove', _listed(LIMITS.strip().split('\n\n'))),
      markup.Section('made', 'How it was made', _made(record, own))])


def _title(record: Record) -> str:
  if record['kind'] == 'enrolled':
    return f'Enrolment of {numerals.plural(record["enrolled"]["count"], "example")}'
  return f'Request {record["number"]}: {_asked(record["asked"])}'


def _asked(asked: Mapping[str, Any]) -> str:
  kind = asked['kind']
  if kind == 'classes':
    return wording.listing([f'class {c}' for c in asked['classes']])
  if kind == 'share':
    of = wording.listing([f'class {c}' for c in asked.get('classes', ())])
    return (f'{numerals.percent(asked["share"])} of the examples{of and f" of {of}"}, drawn '
            f'with seed {asked["seed"]}')
  by = 'by their ids' if kind == 'ids' else 'by their data'
  return f'{numerals.plural(asked["count"], "example")} {by}'


def _done(record: Record) -> str:
  rows = [('Weights before', record['weights'].get('before', '–')),
          ('Weights after', record['weights']['after'])]
  if 'forgotten' in record:
    of = record['forgotten']
    rows += [
        ('Examples forgotten', str(of['count'])),
        ('of these given', str(of['given'])),
        ('The same data under other ids', str(of['duplicates'])),
        ('Steps', str(record['steps']))]
  if 'drift' in record:
    drift = record['drift']
    rows += [
        ('Largest layer drift of this request', _share(drift['layers'])),
        ('of all requests since enrolment', _share(drift['layers_since_enrolment'])),
        ('Budget', _share(drift['budget']))]
  if 'leak' in record:
    rows += [('Share of the update outside of what was free', _share(record['leak'])),
             ('Moments that float32 may have lost', _share(record['rounding']))]
  return _table('What was done', ('', ''), rows)


def _measured(measures: Mapping[str, Any] | None) -> str:
  if not measures:
    return ''
  rows = []
  for name, label in (('accuracy', 'Accuracy on the forgotten examples'),
                      ('probability', 'Probability of their labels')):
    rows.append((label, *(_measure(measures['forgotten'][when][name])
                          for when in ('before', 'after'))))
  if membership := measures.get('membership'):
    rows.append(('AUC of an attack by confidence, forgotten against unseen',
                 *(_measure(membership[when], decimal=True) for when in ('before', 'after'))))
  if unseen := measures['unseen']:
    for name, label in (('retained_accuracy', 'Accuracy on unseen examples that remain'),
                        ('forgotten_accuracy', 'on those of forgotten classes'),
                        ('logit_drift', 'Drift of their logits since enrolment')):
      rows.append((label, *(_measure(unseen[when][name]) for when in ('before', 'after'))))
  return _table('What was measured', ('', 'before', 'after'), rows)


def _earlier(measures: Mapping[str, Any] | None) -> str:
  if not measures or not measures['requests']:
    return ''
  return _table(
      'Earlier requests', ('Request', 'Accuracy now', 'Probability of the labels now'),
      [(str(of['number']), _measure(of['accuracy']), _measure(of['probability']))
       for of in measures['requests']])


def _made(record: Record, own: str) -> str:
  rows = [('Hash of this record', own), ('of the one before', record['previous'])]
  rows += [(name, str(value)) for name, value in {
      'asked by (salted hash)': record.get('asked', {}).get('by') or '–',
      'ids (hash of all)': record.get('forgotten', record.get('enrolled', {})).get('ids', '–'),
      **record.get('choices', {}), **record['versions'], 'device': record['device']}.items()]
  return _table('How it was made', ('', ''), rows)


def _measure(of: Mapping[str, Any] | None, decimal: bool = False) -> str:
  """A value with its interval and what it was measured on."""
  if of is None or of['value'] is None:
    return 'not measured'
  say = numerals.decimal if decimal else numerals.percent
  ends = '' if of['low'] is None or of['high'] is None else (
      f' ({say(of["low"])} to {say(of["high"])})')
  return f'{say(of["value"])}{ends}, n = {of["n"]}'


def _share(value: float | None) -> str:
  return 'not known' if value is None else numerals.small_percent(value)


def _table(name: str, header: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
  return markup.table(name, [*map(markup.escape, header)],
                      [[*map(markup.escape, row)] for row in rows],
                      class_='made' if len(header) == 2 else '')


def _listed(sentences: Iterable[str]) -> str:
  items = [markup.element('li', markup.escape(sentence)) for sentence in sentences]
  return markup.element('ul', '\n'.join(items)) if items else ''
