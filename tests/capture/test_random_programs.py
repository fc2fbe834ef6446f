"""Programs that nobody would write: what is captured of them is right."""

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.capture import oracle
from tests.capture import random_programs
from tests.capture import runs
import unsc_jax


def check(programs, seed=0):
  """Networks side by side, as one: thirty programs of XLA take twice as long."""
  params, x = jax.tree.map(jnp.asarray, random_programs.start())
  fns = [lambda params, x, program=program: random_programs.run(program, params, x)
         for program in programs]
  plain = jax.jit(lambda each, x: [fn(params, x) for fn, params in zip(fns, each)])
  with_moments = jax.jit(
      lambda params, x: [unsc_jax.input_moments(fn)(params, x) for fn in fns])
  found = with_moments(params, x)
  changed = [runs.replace(params, _into_null_space(params, moments, seed))
             for _, moments in found]
  before, after = plain([params] * len(fns), x), plain(changed, x)
  for fn, (out, _), old, new in zip(fns, found, before, after, strict=True):
    assert runs.change(old, out) < 1e-5
    assert runs.change(out, new) < 1e-3, str(unsc_jax.sites(fn, params, x))


def _into_null_space(params, moments, seed):
  numbers = np.random.default_rng(seed)
  changes = {}
  for path, found in moments.by_path.items():
    change = numbers.standard_normal(params[path].shape)
    for moment in found:
      change = oracle.into_null_space(moment.site, moment.second, change)
    changes[path] = change
  return changes


@pytest.mark.parametrize('names', [
    random_programs.NAMES[i:i + 20] for i in range(0, len(random_programs.NAMES), 20)],
    ids=lambda names: f'{names[0]} to {names[-1]}')
def test_each_step_alone(names):
  check([[random_programs.Step(name, 0, 0, 1)] for name in names])


@settings(deadline=None, max_examples=6, derandomize=True)
@given(random_programs.programs)
def test_random_programs(program):
  check([program])


@pytest.mark.slow
@settings(deadline=None, max_examples=1000)
@given(random_programs.programs, st.integers(0, 9))
def test_many_random_programs(program, seed):
  check([program], seed)
