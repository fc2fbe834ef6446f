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


def check(program, seed=0):
  params, x = jax.tree.map(jnp.asarray, random_programs.start())
  fn = lambda params, x: random_programs.run(program, params, x)
  out, moments = jax.jit(unsc_jax.input_moments(fn))(params, x)
  plain = jax.jit(fn)
  assert runs.change(plain(params, x), out) < 1e-5
  numbers = np.random.default_rng(seed)
  changes = {}
  for path, found in moments.by_path.items():
    change = numbers.standard_normal(params[path].shape)
    for moment in found:
      change = oracle.into_null_space(moment.site, moment.second, change)
    changes[path] = change
  after = plain(runs.replace(params, changes), x)
  assert runs.change(out, after) < 1e-3, str(unsc_jax.sites(fn, params, x))


@pytest.mark.parametrize('name', random_programs.NAMES)
def test_each_step_alone(name):
  check([random_programs.Step(name, 0, 0, 1)])


@settings(deadline=None, max_examples=6, derandomize=True)
@given(random_programs.programs)
def test_random_programs(program):
  check(program)


@pytest.mark.slow
@settings(deadline=None, max_examples=1000)
@given(random_programs.programs, st.integers(0, 9))
def test_many_random_programs(program, seed):
  check(program, seed)
