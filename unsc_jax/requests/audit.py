"""The records as files for people: what was asked, what was done, what it does not prove."""

from collections.abc import Iterable
import json
import pathlib
from typing import Any
import warnings

from unsc_jax.requests import chain
from unsc_jax.storage import atomic


def write(folder: pathlib.Path, links: Iterable[tuple[str, str]]) -> None:
  """Writes the files of those records that have none.

  Args:
    folder: of the files.
    links: text and hash of each record.

  Warns:
    UserWarning: pages need Matplotlib and msgspec, which are not installed.
  """
  for text, own in links:
    body = chain.body(text)
    path = folder / f'{body["number"]:04}.json'
    if not path.exists():
      _write(path, json.dumps({'hash': own, 'record': body}, indent=1) + '\n')
    if not path.with_suffix('.html').exists():
      try:
        from unsc_jax.requests import pages
      except ImportError as error:
        warnings.warn(
            f'{path.with_suffix(".html")} was not written, as {error.name} is missing: '
            "pip install 'unsc_jax[report]'; the next request then writes it.",
            stacklevel=2)
      else:
        _write(path.with_suffix('.html'), pages.render(body, own))


def read(folder: pathlib.Path) -> tuple[dict[str, Any], ...]:
  """The records that files hold, as far as the chain is whole."""
  links = []
  for path in sorted(folder.glob('*.json')):
    try:
      stored = json.loads(path.read_text(encoding='utf-8'))
      link = chain.canonical(stored['record']), stored['hash']
      if chain.faults([*links, link]):
        break
    except (ValueError, KeyError, TypeError, OSError):
      break
    links.append(link)
  return tuple(chain.body(text) for text, _ in links)


def faults(folder: pathlib.Path, links: Iterable[tuple[str, str]]) -> list[str]:
  """Which files do not say what the records say, a sentence each."""
  found = []
  for i, (text, own) in enumerate(links):
    path = folder / f'{i:04}.json'
    try:
      stored = json.loads(path.read_text(encoding='utf-8'))
      same = (chain.canonical(stored['record']), stored['hash']) == (text, own)
    except FileNotFoundError:
      found.append(f'{path} is missing; the next request writes it again.')
    except (ValueError, KeyError, TypeError):
      found.append(f'{path} cannot be read; remove it, and the next request writes it again.')
    else:
      if not same:
        found.append(f'{path} does not say what record {i} says; remove it, and the next '
                     'request writes it again.')
  return found


def _write(path: pathlib.Path, text: str) -> None:
  with atomic.written(path) as draft:
    draft.write_text(text, encoding='utf-8')
