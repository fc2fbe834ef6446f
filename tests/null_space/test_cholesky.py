"""Inverses of positive matrices against NumPy in float64."""

import jax
import numpy as np
import pytest

from tests import toys
from unsc_jax import null_space
from unsc_jax.null_space import cholesky


@pytest.mark.not_under('JAX_DEBUG_NANS', 'what is not positive is NaN')
@pytest.mark.parametrize('d', [5, 129, 300])
def test_inverse_is_that_of_numpy_whole_or_by_blocks(d):
  x = toys.normal(0, 2, 2 * d, d)
  matrices = np.matmul(x.swapaxes(1, 2), x) / d
  matrices[1, -1, -1] = -1.  # seen by the last block alone
  good, bad = np.asarray(null_space.inverse(matrices))
  want = np.linalg.inv(matrices[0].astype(np.float64))
  np.testing.assert_allclose(good, want, atol=1e-5 * np.abs(want).max())
  np.testing.assert_array_equal(good, good.T)
  assert np.isnan(bad).all()
  # As TPUs have it.
  root, none = np.asarray(jax.jit(cholesky.inverse_root_by_blocks)(matrices), np.float64)
  np.testing.assert_allclose(root.T @ root, want, atol=1e-5 * np.abs(want).max())
  np.testing.assert_array_equal(root, np.tril(root))
  assert np.isnan(none[-1, -1])
