"""Compiling a program once, however often it is traced."""

from collections.abc import Generator
import contextlib
import gc
import pathlib
import tempfile
from typing import Any

import jax
from jax.experimental.compilation_cache import compilation_cache

_FOLDER = 'jax_compilation_cache_dir'
_MAPS = pathlib.Path('/proc/self/maps')


@contextlib.contextmanager
def shared() -> Generator[None]:
  """Lets equal programs inside the block share what was compiled.

  A method that runs many times may make functions anew each time that equal no other,
  as those of arrays do, and JAX would compile each of them again. Inside the block its
  persistent cache is on, in a temporary folder; afterwards all settings are as they were.
  Does nothing where a cache is on already, or in a run of several processes.

  Example:
    >>> with shared():
    ...   twice = [float(jax.jit(lambda x: x + 1)(1.)) for _ in range(2)]
    >>> twice
    [2.0, 2.0]
  """
  if getattr(jax.config, _FOLDER) or jax.process_count() > 1:
    yield
    return
  with (tempfile.TemporaryDirectory() as folder,
        configured(**{_FOLDER: folder},
                   jax_persistent_cache_min_compile_time_secs=0.,
                   jax_persistent_cache_min_entry_size_bytes=-1)):
    yield


@contextlib.contextmanager
def configured(**settings: Any) -> Generator[None]:
  """Sets options of JAX's persistent cache inside the block alone.

  Example:
    >>> with configured(jax_persistent_cache_min_compile_time_secs=9.):
    ...   jax.config.jax_persistent_cache_min_compile_time_secs
    9.0
  """
  before = {name: getattr(jax.config, name) for name in settings}
  try:
    _set(settings)
    yield
  finally:
    _set(before)


def make_room(most: int = 40_000) -> bool:
  """Drops all compiled programs from memory once they hold many memory maps.

  A program holds three, of which Linux gives a process 65,530: what compiles after that
  ends it with LLVM's "Cannot allocate memory". Inside `shared` programs stay on the disk.

  Args:
    most: maps that may be held.

  Returns:
    Whether there were more; never where the system does not tell.

  Example:
    >>> make_room()
    False
  """
  if not _MAPS.exists() or _MAPS.read_bytes().count(b'\n') <= most:
    return False
  jax.clear_caches()
  gc.collect()
  return True


def _set(settings: dict) -> None:
  for name, value in settings.items():
    jax.config.update(name, value)
  compilation_cache.reset_cache()  # it reads its settings only once
