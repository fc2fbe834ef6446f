"""Imports point down only, every room stands by itself, and nothing heavy comes along."""

import ast
import json
import pathlib
import re
import subprocess
import sys

import pytest

import unsc_jax

ROOT = pathlib.Path(unsc_jax.__file__).parent
PAGE = ROOT.parent / 'docs' / 'architecture.md'
# From the ground up, as in docs/architecture.md: a room knows those before it.
FLOORS = ('paths', 'text', 'provenance', 'progress', 'closures', 'programs', 'batching', 'sharding',
          'capture', 'moments', 'null_space', 'storage', 'session', 'problem', 'training', 'data',
          'parts', 'methods', 'evaluation', 'models', 'report', 'study', 'requests', 'command',
          '__main__')
BRINGS = {'models': {'flax'}, 'report': {'matplotlib', 'msgspec'}}  # what only they may bring
HEAVY = ('flax', 'orbax', 'tensorflow', 'tensorflow_datasets', 'sklearn', 'scipy.special',
         'scipy.stats', 'matplotlib', 'msgspec', 'tqdm', 'tyro', 'haiku', 'equinox')

# Imports one room after the other, without the package's own `__init__`, and tells
# what each of them has loaded.
ALONE = f'''
import importlib, json, sys, types
import jax, optax, chex
package = types.ModuleType('unsc_jax')
package.__path__ = [{str(ROOT)!r}]
sys.modules['unsc_jax'] = package
loaded = {{}}
for room in {FLOORS[:-1]}:
  before = set(sys.modules)
  importlib.import_module(f'unsc_jax.{{room}}')
  loaded[room] = sorted(set(sys.modules) - before)
print(json.dumps(loaded))
'''


def _python(code: str) -> str:
  return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                        check=True).stdout


@pytest.fixture(scope='module')
def loaded():
  """Room to the modules that it loads beside those of the rooms below it."""
  return json.loads(_python(ALONE))


@pytest.mark.parametrize('room', FLOORS[:-1])
def test_a_room_loads_with_those_below_it_alone(loaded, room):
  rooms = {name.split('.')[1] for name in loaded[room] if name.startswith('unsc_jax.')}
  assert rooms == {room}


@pytest.mark.parametrize('room', FLOORS[:-1])
def test_nothing_heavy_comes_along(loaded, room):
  heavy = set(HEAVY) & set(loaded[room])
  assert heavy == BRINGS.get(room, set())


def _imports(path: pathlib.Path, package: str) -> set[str]:
  """The modules of a package that a file names in its imports, wherever they stand."""
  names = set()
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      names |= {alias.name for alias in node.names}
    elif isinstance(node, ast.ImportFrom):
      names |= {f'{node.module}.{alias.name}' for alias in node.names}
  return {name.removeprefix(f'{package}.') for name in names
          if name.startswith(f'{package}.')}


def _room_of(path: pathlib.Path) -> str:
  return path.relative_to(ROOT).parts[0].removesuffix('.py')


MODULES = sorted(path for path in ROOT.rglob('*.py') if path != ROOT / '__init__.py')


def test_every_file_is_in_a_room_that_has_a_floor():
  assert {*map(_room_of, MODULES)} == {*FLOORS}


def test_imports_point_down_only():
  floor = FLOORS.index
  upward = [(str(path.relative_to(ROOT)), name) for path in MODULES
            for name in _imports(path, 'unsc_jax')
            if floor(name.split('.')[0]) > floor(_room_of(path))]
  assert not upward


def test_no_module_of_a_room_asks_its_own_table_of_contents():
  """Which would be a circle: the table of contents imports the module."""
  asking = [(str(path.relative_to(ROOT)), name) for path in MODULES
            for name in _imports(path, 'unsc_jax')
            if path.name != '__init__.py' and (ROOT / _room_of(path)).is_dir()
            and name == _room_of(path)]
  assert not asking


def test_the_library_knows_neither_experiments_nor_tests():
  for path in MODULES:
    assert not _imports(path, 'experiments') | _imports(path, 'tests'), path


def test_the_package_shows_its_rooms_and_public_names_and_nothing_else():
  inner = {'paths', 'text', 'provenance', 'closures', 'programs', 'command', '__main__'}
  rooms = {name for name in FLOORS if name not in inner}
  assert rooms <= {*dir(unsc_jax)}
  assert {*dir(unsc_jax)} == {*unsc_jax.__all__, '__version__'}
  for name in unsc_jax.__all__:
    getattr(unsc_jax, name)
  with pytest.raises(AttributeError, match='no attribute .attic.'):
    _ = unsc_jax.attic


def test_types_are_published():
  assert (ROOT / 'py.typed').exists()


def _knows(room: str) -> list[str]:
  """The other rooms that a room's files import, from the ground up."""
  known = {name.split('.')[0] for path in MODULES if _room_of(path) == room
           for name in _imports(path, 'unsc_jax')}
  return [name for name in FLOORS if name in known - {room}]


def test_the_page_tells_who_knows_whom():
  rows = re.findall(r'^\| (\w+) \| (.*) \|$', PAGE.read_text(), re.M)
  told = {room: known for room, known in rows if room in FLOORS}
  assert told == {room: ', '.join(_knows(room)) or '–' for room in FLOORS[:-1]}


def test_the_page_names_files_that_are_there():
  names = [name for name in re.findall(r'`((?:\w+/)+\w+\.py)`', PAGE.read_text())
           if 'NAME' not in name]
  roots = (ROOT, ROOT.parent)
  assert names
  missing = [name for name in names if not any((root / name).exists() for root in roots)]
  assert not missing
