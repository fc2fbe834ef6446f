"""Programs that are traced anew are compiled once, inside the block alone."""

import contextlib

import jax
import jax.numpy as jnp
import pytest

from unsc_jax.evaluation.shadows import compilation

_HITS = []


def _listen(event: str, **_) -> None:
  if event == '/jax/compilation_cache/cache_hits':
    _HITS.append(event)


jax.monitoring.register_event_listener(_listen)


@pytest.fixture(autouse=True)
def _no_cache_yet():
  """The tests as a whole have one, see tests/conftest.py."""
  with compilation.configured(jax_compilation_cache_dir=None):
    yield


def _run_anew(factor, x):
  return jax.jit(lambda x: jnp.sin(x) * factor)(x)


def test_equal_programs_are_compiled_once_and_others_are_not_mixed_up():
  with compilation.shared():
    x = jnp.ones(3)  # whatever this compiles
    first, start = float(_run_anew(2., x)[0]), len(_HITS)
    again = [float(_run_anew(2., x)[0]) for _ in range(2)]
    assert len(_HITS) - start >= 2
    assert again == [first] * 2
    assert float(_run_anew(5., x)[0]) == pytest.approx(2.5 * first)
  start = len(_HITS)
  assert float(_run_anew(2., x)[0]) == first
  assert len(_HITS) == start


def test_all_settings_are_restored_also_after_an_error():
  before = dict(jax.config.values)
  with contextlib.suppress(KeyError), compilation.shared():
    assert jax.config.jax_compilation_cache_dir
    raise KeyError
  assert dict(jax.config.values) == before


def test_there_is_room_made_only_where_programs_hold_more_than_they_may():
  run = jax.jit(lambda x: x + 41.)
  x = jnp.ones(3)
  run(x)
  assert not compilation.make_room()
  assert run._cache_size() == 1
  if compilation.make_room(most=0):  # not everywhere does the system tell
    assert run._cache_size() == 0
