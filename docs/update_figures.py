"""Writes the figures on the pages from the results that scripts have written.

  python docs/update_figures.py

Every number there stands between two marks, and comes from here. So do the README's
picture, what its code prints, and the JSON schema of results.json.
"""

import functools
import json
import pathlib
import re
import sys

import msgspec

ROOT = pathlib.Path(__file__).parents[1]
SCHEMA = 'docs/results.schema.json'
sys.path.insert(0, str(ROOT))

from docs import before_and_after  # noqa: E402
from docs import paper_tables  # noqa: E402
from docs import pictures  # noqa: E402
from docs import readme as readme_lib  # noqa: E402
from docs import soft_null_space  # noqa: E402
from docs import targets  # noqa: E402
from docs import trade_offs  # noqa: E402
from unsc_jax import report  # noqa: E402
from unsc_jax.report import metrics  # noqa: E402
from unsc_jax.report import status as status_lib  # noqa: E402
from unsc_jax.report import table  # noqa: E402


def main() -> None:
  for page in PAGES:
    path = ROOT / page
    path.write_text(updated(page, path.read_text()))
  (ROOT / SCHEMA).write_text(schema())
  pictures.write(before_and_after.draw, report.read(ROOT / readme_lib.DEMO),
                 ROOT / 'docs/before-and-after.svg')
  pictures.write(soft_null_space.draw, _study_of_filters('fashion_mnist-plain'),
                 ROOT / 'docs/soft-null-space.svg')
  for mark, path in _COMPARED.items():
    pictures.write(trade_offs.draw, report.read(ROOT / path),
                   ROOT / f'docs/compare-{mark}.svg', font_size=9)
  readme = ROOT / 'README.md'
  readme.write_text(_marked(
      readme.read_text(), 'output', readme_lib.printed(readme.read_text())))


def schema() -> str:
  """The JSON schema of results; no defaults of `{}`, which only some versions of msgspec write."""
  without = lambda keys: {
      key: value for key, value in keys.items() if (key, value) != ('default', {})}
  text = json.dumps(msgspec.json.schema(report.Results))
  return json.dumps(json.loads(text, object_hook=without), indent=1) + '\n'


def updated(page: str, text: str) -> str:
  """A page with every marked block made anew."""
  for mark, make in PAGES[page].items():
    text = _marked(text, mark, make())
  return text


def _marked(text: str, mark: str, made: str) -> str:
  block = re.compile(f'<!-- {mark} -->.*?<!-- /{mark} -->', re.DOTALL)
  if not block.search(text):
    raise ValueError(f'the page has no block {mark}.')
  return block.sub(lambda _: f'<!-- {mark} -->\n{made}\n<!-- /{mark} -->', text)


def _load(path: str) -> dict:
  return json.loads((ROOT / path).read_text())


def _study_of_filters(network: str) -> dict:
  return _load(f'docs/results/soft_null_space-{network}.json')


def _results() -> str:
  """Class 6 of FashionMNIST: the table and the energy-against-drift curve."""
  results = report.read(ROOT / 'docs/examples/fashion_mnist-alexnet/results.json')
  curve = table.piped([
      ['energy protected', 'forget test %', 'retain test %', 'drift %', 'probe %'],
      *[[f'{point.energy:g}', *(f'{100 * point.metrics[name]:.1f}' for name in (
          'forget_test', 'retain_test', 'logit_drift', 'probe'))]
        for point in results.curve]])
  return f'''FashionMNIST, class 6 ("Shirt") of a trained AlexNet; macro accuracies, and in
brackets the gap to the network retrained without the class:

{table.piped(table.cells(results))}

{_ties(results)}`one_class_protected` is UNSC with almost no constraint: of nine retained classes it
protects the first. Accuracies hardly tell it from UNSC; drift does.

What protection costs and buys:

{curve}

{_made(results)} The
checkpoints are ours; without them the script trains both networks itself.'''


def _ties(results: report.Results) -> str:
  """Which columns tell a method from the control in nothing."""
  return ''.join(f'- {line}\n' for line in table.ties(results)) + '\n'


def _made(results: report.Results) -> str:
  """Which command made some results, and on what."""
  versions, command = results.environment, results.command
  # Defaults may change; spelt out, the command is the one that was run.
  config = results.config
  if 'energy' in config:
    # All, and so it was before one could choose.
    config = {**config, 'moments_examples': config.get('moments_examples') or 0}
  for name in ('energy', 'learning_rate', 'steps', 'batch_size', 'stop_below',
               'moments_examples'):
    flag, value = f'--{name.replace("_", "-")}', config.get(name)
    if value is not None and flag not in command:
      command += f' {flag} {value:g}'
  seeds = list(dict.fromkeys(str(row.seed) for row in results.rows))
  return f'''`{command}`

{"Seeds" if len(seeds) > 1 else "Seed"} {", ".join(seeds)}, jax {versions["jax"]}, \
{versions["device_kind"]} with {versions["cpu_count"]} cores.'''


def _comparison(path: str) -> str:
  """All methods on one request: the table, and how it was made."""
  results = report.read(ROOT / path)
  return f'''<details markdown="1"><summary>All of it as a table</summary>

{table.piped(table.cells(results))}

</details>

{_made(results)}'''


def _optimizer_order() -> str:
  """What each order of projection and optimiser leaks, on the digits."""
  results = _load('benchmarks/results/optimizer_order.json')
  rows = results['results']['digits']
  orders = ('chain(P, opt)', 'chain(opt, P)', 'project_updates')
  cell = lambda row: (
      f'{row["leak"]:.0e} / {100 * row["drift"]:.0f} % / {100 * row["forgets"]:.0f} %')
  return table.piped([
      ['leak / retained drift / forgotten', *(f'`{order}`' for order in orders)],
      *[[name, *(cell(rows[name][order]) for order in orders)]
        for name in ('sgd', 'adam', 'adamw', 'lion', 'clip + sgd', 'muon')]])


def _retraining() -> str:
  """How much less time unlearning takes than retraining, and what haste costs."""
  rows = _load('benchmarks/results/against_retraining.json')['rows']
  usual, slower = rows['as in the experiments'], rows['on all images, by larger steps']
  times = lambda row: f'{row["times as fast"]:.1f} times'
  share = lambda row, of: f'{100 * row[of]:.1f} %'
  return f'''All of UNSC, moments, bases and steps, forgets a class of FashionMNIST from AlexNet
{times(usual)} as fast as retraining, on the same two cores: {usual["steps made"]} steps of \
{usual["batch_size"]} examples, and
the moments of about {usual["moments_examples"]:,} retained images. It leaves \
{share(usual, "forget accuracy")} of the class
and drifts by {share(usual, "drift")}. With the moments of all images, and \
{slower["steps made"]} steps of {slower["batch_size"]}, it is
{times(slower)} as fast, leaves {share(slower, "forget accuracy")} and drifts by \
{share(slower, "drift")}.'''


_CURVES = {
    'unsc': 'UNSC', 'null_space_alignment': 'null space + alignment',
    'without_null_space': 'same loss, no null space',
    'dimensional_alignment': 'dimensional alignment',
    'class_projection': 'class projection',
}


def _alignment(role: str) -> str:
  """Null space + alignment: all points of one request's curves."""
  results = _load('docs/results/null_space_alignment-cifar10-allcnn.json')
  study, = (study for study in results['studies'] if study['role'] == role)
  # The target of relearning: half of what the original says.
  target = study['original']['forget'] / 2
  rows = [_point(name, '', study[name], target) for name in ('original', 'retrained')]
  for curve, points in study['curves'].items():
    for point in sorted(points, key=lambda point: point['drift']):
      # What comes before the measures is the setting.
      names = list(point)[:list(point).index('forget')]
      setting = ', '.join(f'{name.replace("_", " ")} {point[name]:g}' for name in names)
      rows.append(_point(_CURVES[curve], setting, point, target))
  return table.piped([[
      'network', 'setting', 'drift %', 'forget %', 'retain %', 'probe %',
      'relearn steps', 'mean while relearning %', 'D to before', 'D now'], *rows])


def _point(name: str, setting: str, point: dict, target: float) -> list[str]:
  course = point['relearn']
  steps = point['relearn_steps']
  return [name, setting, *(f'{100 * point[key]:.1f}' for key in (
              'drift', 'forget', 'retain', 'probe')),
          f'{steps}' if max(course) >= target else f'> {steps}',
          f'{100 * sum(course) / len(course):.1f}',
          *(f'{point[f"mismatch_{to}"]:.3f}' for to in ('to_before', 'now'))]


def _percent(value: float | None) -> str:
  return '–' if value is None else f'{100 * value:.1f}'


def _deletion_requests(dataset: str) -> str:
  """All requests so far, after every one of them, beside retrained networks."""
  results = _load(f'docs/results/deletion_requests-{dataset}.json')
  rows = [['request', 'for', 'forgotten classes', 'retrained', 'forgotten examples',
           'retrained', 'what remains', 'retrained', 'logit drift', 'retrained',
           'layer drift', 'seconds', 'retraining']]
  for row in results['rows']:
    of = [row[name] for name in ('unlearned', 'retrained')]
    asked = f'class {row["classes"][-1]}' if row['asked'] == 'classes' else (
        f'{row["examples"]} examples')
    rows.append([
        str(row['request']), asked, *(
            _percent(scores[name]) for name in
            ('forgotten_classes', 'forgotten_examples', 'retained', 'logit_drift')
            for scores in of),
        _percent(row['layer_drift']), f'{row["seconds"]:.1f}',
        f'{row["retrained_seconds"]:.1f}'])
  once, worst = results['at_once'], max(row['moments_error'] for row in results['rows'])
  return (
      f'{table.piped(rows)}\n\n'
      'In per cent: accuracy on test images of all forgotten classes, mean confidence on all '
      'forgotten training examples, accuracy on the other test images, drift since enrolment. '
      f'Stored less forgotten moments differ from a fresh pass by {worst:.0e} at most. The '
      'four classes in one request and in four: moments differ by '
      f'{once["moments_difference"]:.0e}, retained logits by '
      f'{_percent(once["logit_difference"])} %; '
      f'{_percent(once["once_forgotten_classes"])} and '
      f'{_percent(once["steps_forgotten_classes"])} % of them are still named, '
      f'{_percent(once["once_retained"])} and {_percent(once["steps_retained"])} % of the '
      'rest are right.')


def _class_rounds() -> str:
  """Two classes a round by every method, on both data sets."""
  names = {'store': 'store (UNSC)', 'pgu': 'PGU', 'loft': 'LOFT', 'retrained': 'retrained'}
  rows = [['data', 'method', *(f'round {i}' for i in range(1, 5))]]
  for dataset in ('digits', 'fashion_mnist'):
    found = _load(f'docs/results/deletion_requests-{dataset}.json')['in_rounds']
    for method, name in names.items():
      rows.append([dataset, name, *(
          ' / '.join(_percent(row[score]) for score in
                     ('forgotten_classes', 'retained', 'logit_drift'))
          for row in found if row['method'] == method)])
  return table.piped(rows)


def _statuses() -> str:
  """The word that a page opens with, and its rule."""
  return table.piped([['', 'when'], *[
      [f'{status.sign} **{status.word}**', status.rule] for status in status_lib.RULES]])


def _measures() -> str:
  """Every measure's column in a sentence or two, as the page has it."""
  return '\n\n'.join(
      f'**{group.title}.** {group.text}\n\n' + '\n'.join(
          f'- *{metric.name}*: {metric.what}' for metric in group.metrics)
      for group in metrics.GROUPS)


_COMPARED = {
    'digits': 'docs/results/compare-digits-mlp.json',
    'fashion_mnist': 'docs/results/compare-fashion_mnist-tiny_cnn.json',
    'fashion_mnist_share': 'docs/results/compare-fashion_mnist-tiny_cnn-share.json'}

PAGES = {
    'docs/reading-the-page.md': {'statuses': _statuses, 'measures': _measures},
    'docs/deletion-requests.md': {
        **{dataset: functools.partial(_deletion_requests, dataset)
           for dataset in ('digits', 'fashion_mnist')}, 'rounds': _class_rounds},
    'README.md': {'demo': lambda: readme_lib.demo(report.read(ROOT / readme_lib.DEMO))},
    'docs/soft-null-space.md': {
        'said': lambda: soft_null_space.said(*map(_study_of_filters, (
            'fashion_mnist-plain', 'digits-plain', 'digits-batchnorm', 'cifar10-allcnn'))),
        **{network: lambda network=network: soft_null_space.of(_study_of_filters(network))
           for network in soft_null_space.NETWORKS}},
    'docs/tables.md': {'targets': targets.ours, 'others': targets.others,
                       'groups': lambda: paper_tables.of(_made)},
    'docs/optimisers.md': {'optimizer_order': _optimizer_order},
    'docs/fashion-mnist.md': {'results': _results, 'retraining': _retraining},
    'docs/null-space-alignment.md': {
        role: functools.partial(_alignment, role)
        for role in ('surrogate', 'requested')},
    'docs/comparison.md': {
        mark: functools.partial(_comparison, path) for mark, path in _COMPARED.items()},
}

if __name__ == '__main__':
  main()
