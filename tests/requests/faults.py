"""What a store survives: kills at every write and at random times, files that are damaged.

  python -m tests.requests.faults --kills 500 --corruptions 200

A process of its own, which runs nothing on a device, so that it can be forked: every
child serves the writing half of a request and is killed on its way.
"""

import argparse
from collections.abc import Callable
import contextlib
import math
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
import warnings

import jax
import numpy as np

from tests.requests import conftest as small
from unsc_jax import requests
from unsc_jax.requests import hashes
from unsc_jax.requests import records
from unsc_jax.requests import store as store_lib

PEOPLE = ('person 3', 'person 22', 'person 7')


def changed(params, step: int):
  """Other weights for every request."""
  return jax.tree.map(lambda w: np.asarray(w) + np.float32(step), params)


def write(folder: pathlib.Path, params, moments) -> None:
  """What `forget` writes for a request, in its order, without what it computes."""
  with store_lib.opened(folder, write=True) as store:
    number = len(store.records)
    rows = requests.Ids((PEOPLE[number - 1],)).find(store.ledger, {})
    record = records.opening(number, 'forgot', store.head)
    store.ledger.begin(number, record)
    after = changed(params, number)
    record |= {
        'asked': {'kind': 'ids', 'count': 1, 'by': None}, 'measures': None, 'steps': 1,
        'forgotten': {'count': 1, 'given': 1, 'duplicates': 0,
                      'labels': records.labels_of(rows),
                      'ids': hashes.together(row.id for row in rows)},
        'weights': {'after': store_lib.hash_of(after)}, 'version': store.put(
            after, {'all': jax.tree.map(lambda m: m * np.float32(number), moments)}, {})}
    store.commit(record, rows)


def in_child(run: Callable[[], None], after: float | None = None) -> int:
  """Runs something in a fork, which is killed after so many seconds; the signal, or 0."""
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # of threads, which this process has none of
    pid = os.fork()
  if not pid:
    try:
      run()
    except BaseException:
      traceback.print_exc()
      os._exit(1)
    os._exit(0)
  if after is not None:
    time.sleep(after)
    with contextlib.suppress(ProcessLookupError):
      os.kill(pid, signal.SIGKILL)
  _, status = os.waitpid(pid, 0)
  if os.WIFEXITED(status) and os.WEXITSTATUS(status):
    raise AssertionError('the request itself failed')
  return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def killed_at(event: float, folder: pathlib.Path, run: Callable[[], None]) -> Callable[[], None]:
  """A run that kills itself at its n-th touch of a file or statement to SQLite.

  If it comes to its end, it leaves the number of these beside the folder.
  """
  seen = 0

  def die():
    nonlocal seen
    seen += 1
    if seen > event:
      os.kill(os.getpid(), signal.SIGKILL)

  def hook(name, arguments):
    touches = name.startswith(('os.', 'shutil.', 'sqlite3.')) and name != 'os.kill'
    if touches or (name == 'open' and str(folder) in str(arguments[0])):
      die()

  def traced(*args, connect=sqlite3.connect, **options):
    connection = connect(*args, **options)
    connection.set_trace_callback(lambda statement: die())
    return connection

  def child():
    sqlite3.connect = traced
    replace, fsync = os.replace, os.fsync
    os.replace = lambda *args: (die(), replace(*args), die())
    os.fsync = lambda handle: (fsync(handle), die())
    sys.addaudithook(hook)
    run()
    folder.with_name('events').write_text(str(seen))
  return child


def version(folder: pathlib.Path, params) -> int:
  """Which version a store's model is, which has to be one of them, bit by bit."""
  loaded = np.asarray(requests.load(folder, params)['head']['w'])
  now = round(float((loaded - np.asarray(params['head']['w'])).mean()))
  np.testing.assert_array_equal(loaded, changed(params, now)['head']['w'])
  return now


def whole(folder: pathlib.Path, params) -> int:
  """The version of a store of which all is of that version and nothing is left over."""
  now = version(folder, params)
  found, _ = requests.history(folder)
  assert len(found) == now + 1
  with store_lib.opened(folder, write=True) as store:  # sweeps up
    taken = [len(store.ledger.of_request(i)) for i in range(1, len(PEOPLE) + 1)]
  assert taken == [int(i <= now) for i in range(1, len(PEOPLE) + 1)]
  assert requests.verify(folder) == []
  names = {name for record in found for name in store_lib.names(record)}
  assert {path.stem for path in (folder / 'objects').iterdir()} == names
  return now


def kills(count: int, base: pathlib.Path, params, moments, rng: random.Random) -> dict:
  """Kills, half of them at every event in turn and half at random times.

  After each the store is of the version before the request or of the one after it, and
  the request can be made again.
  """
  folder = base.with_name('killed')
  run = lambda: write(folder, params, moments)
  before, outcomes = version(base, params), [0, 0]
  shutil.copytree(base, folder)
  started = time.perf_counter()
  in_child(killed_at(math.inf, folder, run))
  span = time.perf_counter() - started
  events = int(folder.with_name('events').read_text())
  shutil.rmtree(folder)
  for i in range(count):
    shutil.copytree(base, folder)
    if i % 2:
      signalled = in_child(run, after=rng.uniform(0, span))
    else:
      signalled = in_child(killed_at(i * events // count, folder, run))
      assert signalled
    now = whole(folder, params)
    assert now in (before, before + 1)
    assert signalled or now == before + 1
    outcomes[now - before] += 1
    if now == before:
      assert in_child(run) == 0
      assert whole(folder, params) == before + 1
    shutil.rmtree(folder)
  return {'events': events, 'before': outcomes[0], 'after': outcomes[1]}


def damage(path: pathlib.Path, rng: random.Random) -> str:
  """Does something to a file, and says what."""
  content = bytearray(path.read_bytes())
  at = rng.randrange(len(content)) if content else 0
  kind = rng.choice(('flip', 'flip', 'flip', 'cut', 'zeros', 'more', 'gone'))
  if kind == 'gone':
    path.unlink()
    return kind
  if kind == 'flip' and content:
    content[at] ^= 1 << rng.randrange(8)
  elif kind == 'cut':
    del content[at:]
  elif kind == 'zeros':
    content[at:at + 512] = bytes(len(content[at:at + 512]))
  else:
    content += rng.randbytes(64)
  path.write_bytes(content)
  return kind


def corruptions(count: int, base: pathlib.Path, params, moments, rng: random.Random) -> dict:
  """Damages one file at a time.

  The model still loads, as one of its versions; what is wrong is said in one sentence,
  or it makes no difference; and a request is served rightly or not at all.
  """
  folder, tally = base.with_name('damaged'), {'told': 0, 'harmless': 0, 'served': 0}
  before = version(base, params)
  contents = ledger_of(base)
  for _ in range(count):
    shutil.copytree(base, folder)
    files = sorted(path for path in folder.rglob('*')
                   if path.is_file() and path.suffix != '.html')
    path = rng.choice([*files, *[folder / 'ledger.db'] * len(files)])
    what = f'{damage(path, rng)} of {path.relative_to(folder)}'
    assert version(folder, params) <= before, what
    if told := faults_of(folder):
      assert '\n' not in told, what
      tally['told'] += 1
    else:
      assert ledger_of(folder) == contents, what
      tally['harmless'] += 1
    if refused := refusal(lambda: write(folder, params, moments)):
      assert '\n' not in refused, what
      assert told or path.name == 'lock', (what, refused)
      assert version(folder, params) <= before, what
    else:
      assert version(folder, params) == before + 1, what
      tally['served'] += 1
    shutil.rmtree(folder)
  return tally


def faults_of(folder: pathlib.Path) -> str:
  """What `verify` says first, or why it cannot."""
  found: list[str] = []
  return refusal(lambda: found.extend(requests.verify(folder))) or ''.join(found[:1])


def refusal(run: Callable[[], object]) -> str:
  """Why something was refused; nothing if it was not."""
  try:
    run()
  except (ValueError, OSError) as error:
    return str(error)
  return ''


def ledger_of(folder: pathlib.Path) -> list[str]:
  """All that a ledger says, as SQL."""
  with contextlib.closing(sqlite3.connect(folder / 'ledger.db')) as connection:
    return [*connection.iterdump()]


def main() -> None:
  parser = argparse.ArgumentParser()
  for name in ('kills', 'corruptions', 'seed'):
    parser.add_argument(f'--{name}', type=int, default=0)
  given = parser.parse_args()
  with tempfile.TemporaryDirectory() as beside:
    base = pathlib.Path(beside) / 'store'
    params = jax.tree.map(np.asarray, small.PARAMS)
    small.enrol(base)
    with store_lib.opened(base) as store:
      moments = jax.tree.map(np.asarray, store.moments(store.latest)['0'])
    write(base, params, moments)
    rng = random.Random(given.seed)
    print('kills', given.kills, kills(given.kills, base, params, moments, rng))
    print('corruptions', given.corruptions,
          corruptions(given.corruptions, base, params, moments, rng))


if __name__ == '__main__':
  main()
