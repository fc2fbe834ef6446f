"""Threads of scikit-learn's: one, as tests run beside each other."""

import pytest
from sklearn import manifold  # noqa: F401 (loads what is limited)
import threadpoolctl


@pytest.fixture(scope='session', autouse=True)
def _one_thread():
  """t-SNE's threads wait for each other busily, which takes minutes on full cores."""
  with threadpoolctl.threadpool_limits(1):
    yield
