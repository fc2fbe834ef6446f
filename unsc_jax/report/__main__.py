"""`python -m unsc_jax.report RESULTS.json [-o report.html]`."""

import argparse
from collections.abc import Sequence
import json
import pathlib
import sys

import jax

from unsc_jax.report import files
from unsc_jax.report import page


def main(arguments: Sequence[str] | None = None) -> int:
  """Writes the page again from the results; 2 where that is not possible."""
  parser = argparse.ArgumentParser(
      prog='python -m unsc_jax.report',
      description='Writes a self-contained HTML page about a results.json.')
  parser.add_argument('results', type=pathlib.Path, metavar='RESULTS.json')
  parser.add_argument(
      '-o', '--output', type=pathlib.Path, metavar='report.html',
      help='by default report.html beside the results')
  given = parser.parse_args(arguments)
  output = given.output or given.results.with_name('report.html')
  try:
    files.write(output, page.render(files.read(given.results)))
  except json.JSONDecodeError as error:
    return _fail(f'{given.results} is not JSON ({error}): give the '
                 'results.json that an experiment wrote.')
  except UnicodeDecodeError:
    return _fail(f'{given.results} is not a text file: give the results.json '
                 'that an experiment wrote.')
  except OSError as error:
    return _fail(f'{error.filename}: {error.strerror}.')
  except ValueError as error:
    return _fail(f'{given.results}: {error}')
  print(output)
  return 0


def _fail(sentence: str) -> int:
  print(f'error: {sentence}', file=sys.stderr)
  return 2


if __name__ == '__main__':
  # A page is a matter of a few means: it should not take hold of a GPU.
  jax.config.update('jax_platforms', 'cpu')
  sys.exit(main())
