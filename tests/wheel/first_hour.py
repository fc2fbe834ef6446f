"""What a stranger does first, in an empty environment with the wheel and nothing else.

  python -m tests.wheel.first_hour dist/*.whl

Installs it, asks for what cannot be, reaches the first page, runs the README's first
block and the tutorials, and has mypy and pyright look at a script. Each extra is
installed when a step is the first to need it. Minutes; packages come from an index.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

ROOT = pathlib.Path(__file__).parents[2]
PAGE_SECONDS = 120  # to the first page, by the clock
REFUSAL_SECONDS = 3  # of processor time

# What was seen to be refused late, or not at all, when first the command was used.
WRONG = {
    'forget --forget 3 --steps -5': '--steps is -5',
    'forget --forget 3 --batch-size 0': '--batch-size is 0',
    'forget --forget 3 --learning-rate -1': '--learning-rate is -1',
    'forget --forget 3 --learning-rate nan': '--learning-rate is nan',
    'forget --forget 3 --energy 1.5': '--energy is 1.5',
    'forget --forget 3 --stop-below 1': '--stop-below is 1',
    'forget --forget 3 --epochs 0': '--epochs is 0',
    'forget --forget 3 --seed -1': '--seed is -1',
    'forget --forget 3 --out file': 'file',
    'forget --forget 3 --name ../up': "--name is '../up'",
    'forget --forget 3 --params nowhere.npz': '--params is nowhere.npz',
    'forget --forget 3 --data nowhere.npz': 'nowhere.npz is not there',
    'forget --forget 3 --data imagenet': "No data set is called 'imagenet'",
    'forget --forget 3 --data mnist': r"pip install 'unsc_jax\[data\]'",
    'forget --share 0': '--share is 0',
    'evaluate --forget 3 --references -1': '--references is -1',
    'evaluate --forget 3 --methods magic': 'magic',
    'report nowhere': 'nowhere',
    'compare nowhere nothing': 'nowhere',
    # What only the data can tell.
    'forget --forget 12': 'class 12 is not in the data',
    'forget --forget 3 --network nothing:here': 'nothing:here cannot be imported',
}


class Ran(NamedTuple):
  """A process that has ended."""
  code: int
  said: str
  seconds: float  # by the clock
  processor: float  # seconds, with what it has started


class Stranger:
  """An environment of its own, and a folder to work in."""

  def __init__(self, folder: pathlib.Path):
    self._bin, self.here = folder / 'venv' / 'bin', folder / 'here'
    self.here.mkdir()
    subprocess.run([sys.executable, '-m', 'venv', self._bin.parent], check=True)
    kept = {name: value for name, value in os.environ.items() if name not in (
        'PYTHONPATH', 'PYTHONDONTWRITEBYTECODE', 'JAX_COMPILATION_CACHE_DIR', 'TFDS_DATA_DIR')}
    self._environment = {**kept, 'MPLBACKEND': 'agg'}

  def run(self, *command: str | os.PathLike) -> Ran:
    """Runs a program of the environment."""
    begun, before = time.perf_counter(), os.times()
    done = subprocess.run([self._bin / command[0], *command[1:]], cwd=self.here, text=True,
                          env=self._environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    after = os.times()
    return Ran(done.returncode, done.stdout, time.perf_counter() - begun,
               sum(after[2:4]) - sum(before[2:4]))

  def does(self, what: str, *command: str | os.PathLike) -> Ran:
    """Runs what has to succeed, and says how long it took."""
    ran = self.run(*command)
    if ran.code:
      raise SystemExit(f'{ran.said}\n{what}: FAILED with code {ran.code}')
    print(f'{what:<44}{ran.seconds:6.1f} s{ran.processor:8.1f} s', flush=True)
    return ran

  def install(self, *wanted: str) -> None:
    self.does(f'pip install {" ".join(pathlib.Path(name).name for name in wanted)}',
              'python', '-m', 'pip', 'install', '-qq', '--disable-pip-version-check', *wanted)

  def page(self) -> None:
    """The page that has to be there now, taken away."""
    page, = self.here.rglob('report.html')
    assert page.read_text().startswith('<!DOCTYPE html>')
    page.unlink()


def refusals(stranger: Stranger) -> None:
  """Everything wrong is refused at once, in one sentence."""
  (stranger.here / 'file').write_text('mine')
  stranger.does('unsc-jax --version', 'unsc-jax', '--version')  # compiles what it imports
  seconds = {}
  for line, said in WRONG.items():
    ran = stranger.run('unsc-jax', *line.split())
    if not ran.code or not re.search(said, ran.said) or 'Traceback' in ran.said:
      raise SystemExit(f'{ran.said}\nunsc-jax {line}: FAILED to refuse it with {said!r}')
    seconds[line] = ran.processor
  slowest = max(seconds, key=seconds.__getitem__)
  print(f'{len(seconds)} wrong inputs refused, the slowest in {seconds[slowest]:.1f} s of '
        f'processor time: unsc-jax {slowest}')
  assert seconds[slowest] < REFUSAL_SECONDS, 'this is too late'
  assert not (stranger.here / 'runs').exists()


def first_page(stranger: Stranger) -> None:
  """The command's defaults, on the digits, as of a first-time user."""
  ran = stranger.does('unsc-jax forget --forget 3', 'unsc-jax', 'forget', '--forget', '3')
  stranger.page()
  assert ran.seconds < PAGE_SECONDS, f'the first page took {ran.seconds:.0f} s'


def readme(stranger: Stranger) -> None:
  """The first block of Python runs by itself."""
  block = re.search('```python\n(.*?)```', (ROOT / 'README.md').read_text(), re.S)
  assert block
  script = stranger.here / 'readme.py'
  script.write_text(block[1])
  print(stranger.does("the README's first block", 'python', script).said.rstrip())


def tutorials(stranger: Stranger) -> None:
  """Each reaches the page."""
  found = sorted((ROOT / 'docs' / 'tutorials').glob('*_*.py'))
  assert len(found) == 5
  for path in found:
    stranger.does(f'docs/tutorials/{path.name}', 'python', path)
    stranger.page()


def types(stranger: Stranger) -> None:
  """What the library gives has its types."""
  user = stranger.here / 'user.py'
  user.write_text(pathlib.Path(__file__).with_name('user.py').read_text())
  stranger.does('mypy', 'mypy', '--strict', '--warn-unused-ignores',
                '--disable-error-code=import-untyped', user)  # Optax's types are not published
  settings = stranger.here / 'pyrightconfig.json'
  settings.write_text('{"include": ["user.py"], "reportUnnecessaryTypeIgnoreComment": "error"}')
  stranger.does('pyright', 'pyright', '--project', settings, '--pythonpath',
                stranger.run('python', '-c', 'import sys; print(sys.executable)').said.strip())


def yardstick() -> float:
  """Seconds of this machine, now, for ten million additions in Python."""
  begun = time.perf_counter()
  sum(i for i in range(10_000_000))
  return time.perf_counter() - begun


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
  parser.add_argument('wheel', type=pathlib.Path)
  wheel = parser.parse_args().wheel.resolve()
  with tempfile.TemporaryDirectory() as folder:
    stranger = Stranger(pathlib.Path(folder))
    print(f'{"":<44}   clock  processor\nten million additions: {yardstick():.1f} s here, now')
    stranger.install(f'{wheel}[report]')
    refusals(stranger)
    first_page(stranger)
    readme(stranger)
    stranger.install('equinox', 'dm-haiku')
    tutorials(stranger)
    stranger.install('mypy', 'pyright[nodejs]')
    types(stranger)


if __name__ == '__main__':
  main()
