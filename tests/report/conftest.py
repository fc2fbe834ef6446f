"""Results of which pages and figures are made."""

from collections.abc import Callable

import pytest

from tests.report import examples
from tests.report import fullness
from unsc_jax import report


@pytest.fixture(scope='session')
def example() -> Callable[..., report.Results]:
  """Makes example results."""
  return examples.example_results


@pytest.fixture(scope='session')
def full() -> Callable[..., report.Results]:
  """Makes results with every measure and picture."""
  return lambda **given: fullness.full_results(examples.example_results(3), **given)


@pytest.fixture
def undrawn():
  with examples.undrawn():
    yield
