"""Results on the disk."""

import os
import pathlib
import re
from typing import Any

import msgspec
import numpy as np

from unsc_jax.report import migrations
from unsc_jax.report import results as results_lib
from unsc_jax.storage import atomic

NAME = 'results.json'


def read(source: str | os.PathLike[str] | bytes) -> results_lib.Results:
  """Reads results of this schema or an older one.

  Args:
    source: the path of a results.json, or what it holds.

  Returns:
    The results.

  Raises:
    OSError: the file cannot be read.
    ValueError: something is missing or wrong; one sentence names the file, the place
      and the way out.
  """
  if isinstance(source, bytes):
    return parse(_decoded(source))
  path = pathlib.Path(source)
  try:
    return parse(_decoded(path.read_bytes()))
  except ValueError as error:
    raise ValueError(f'{path}: {error}') from error


def _decoded(text: bytes) -> Any:
  try:
    return msgspec.json.decode(text)
  except msgspec.DecodeError as error:
    raise ValueError(f'this is not JSON ({error}); give the results.json that an '
                     'experiment wrote.') from error


def parse(raw: Any) -> results_lib.Results:
  """Makes results of what JSON holds; raises as `read` does.

  Example:
    >>> parse({'schema': 7})
    Traceback (most recent call last):
      ...
    ValueError: the results are of schema 7, and this version of unsc_jax reads
    schemas 2 to 4; make the page with the version that made the results, or run the
    experiment again.
  """
  if not isinstance(raw, dict) or 'schema' not in raw:
    raise ValueError(
        'these are no results: they lack the key "schema"; give the '
        'results.json that an experiment wrote.')
  raw = migrations.migrate(raw)
  try:
    return msgspec.convert(raw, results_lib.Results)
  except msgspec.ValidationError as error:
    raise ValueError(f'{_fault(str(error), raw)}; correct it in the results, or run the '
                     'experiment again.') from error


def write(path: str | os.PathLike[str], results: results_lib.Results) -> None:
  """Writes strict JSON, whole or not at all; what is not a number is null.

  Args:
    path: of the file; its folder has to exist.
    results: all of them.

  Raises:
    OSError: it cannot be written; an older file is untouched.
  """
  text = msgspec.json.encode(results, enc_hook=lambda value: np.asarray(value).tolist())
  with atomic.written(path) as draft:
    draft.write_bytes(msgspec.json.format(text, indent=1) + b'\n')


def find(path: str | os.PathLike[str]) -> list[pathlib.Path]:
  """The files of results that a path stands for.

  Args:
    path: of such a file, of a run's folder, or of a folder of runs.

  Returns:
    Paths, in order; the file itself as it was given.

  Raises:
    FileNotFoundError: a folder has none; the sentence says where was looked.
  """
  path = pathlib.Path(path)
  if not path.is_dir():
    return [path]
  if (path / NAME).exists():
    return [path / NAME]
  files_of_runs = sorted(path.glob(f'*/{NAME}'))
  if not files_of_runs:
    raise FileNotFoundError(
        f'{path} has no {NAME}, and no folder in it has one: give a folder that an '
        'experiment wrote.')
  return files_of_runs


def _fault(error: str, raw: Any) -> str:
  """Where something is wrong, and what, from an error of msgspec's.

  Its own sentences have capitals; those of the types here open with a field.
  """
  said, _, path = error.partition(' - at `$')
  path = path.rstrip('`')
  if missing := re.fullmatch('Object missing required field `(.*)`', said):
    return f'{path}.{missing[1]} is missing'.lstrip('.')
  if said[0].islower():
    return f'{path}.{said}'.lstrip('.')
  said = f'{said[0].lower()}{said[1:]}'
  if '[...]' in path:  # some entry of an object
    return f'{path[1:]} is wrong: {said}'
  for name, index in re.findall(r'\.(\w+)|\[(\d+)\]', path):
    raw = raw[name or int(index)]
  shown = repr(raw) if len(repr(raw)) <= 40 else f'{repr(raw)[:37]}...'
  return f'{path[1:] or "all"} is {shown}: {said}'
