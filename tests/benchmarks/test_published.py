"""What is timed as the published algorithm does what is known of it."""

import jax.numpy as jnp
import numpy as np

from benchmarks import _published
from unsc_jax.capture import layers
from unsc_jax.moments import patches


def _normal(seed, *shape):
  return np.random.default_rng(seed).normal(size=shape)


def test_patches_are_valid_and_of_stride_one():
  x = _normal(0, 3, 5, 6, 2)
  conv = layers.Conv(jnp.asarray(x, jnp.float32), (3, 3), (1, 1),
                     ((0, 0), (0, 0)), (1, 1), (1, 1), 1)
  ours, = patches.extract(conv)  # [1, n, (window, channels)]
  by_channel = ours[0].reshape(-1, 9, 2).swapaxes(1, 2).reshape(-1, 18)
  theirs = _published.representation(x.transpose(0, 3, 1, 2), 3)
  np.testing.assert_allclose(theirs.T, by_channel, rtol=1e-6)


def test_a_subspace_stops_short_of_its_energy_and_grows_by_what_is_new():
  axes = lambda seed: np.linalg.qr(_normal(seed, 20, 20))[0] * 1.5**-np.arange(20)
  data = axes(1) @ _normal(2, 20, 400)
  basis = _published.first_class(data, .97)
  more = _published.next_class(basis, axes(5) @ _normal(3, 20, 400), .97)
  assert 0 < basis.shape[1] < more.shape[1] < 20
  np.testing.assert_allclose(more.T @ more, np.eye(more.shape[1]), atol=1e-10)
  np.testing.assert_array_equal(more[:, :basis.shape[1]], basis)
  kept = np.square(basis.T @ data).sum() / np.square(data).sum()
  vectors, _, _ = np.linalg.svd(data)
  one_more = np.square(vectors[:, :basis.shape[1] + 1].T @ data).sum()
  assert kept < .97 <= one_more / np.square(data).sum()
  nothing_new = _published.next_class(basis, basis @ _normal(4, basis.shape[1], 9), .97)
  np.testing.assert_array_equal(nothing_new, basis)
