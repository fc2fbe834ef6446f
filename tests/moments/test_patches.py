"""Patches are the rows of the matrix product that a convolution is."""

import math

import jax
from jax import lax
import numpy as np
import pytest

from tests import toys
from unsc_jax.capture import layers
from unsc_jax.moments import patches

CASES = {  # shape of the inputs, then as in layers.Conv
    'plain': ((3, 7, 6, 4), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), (1, 1), 1),
    'strided, dilated, grouped': (
        (2, 11, 9, 6), (3, 2), (2, 3), ((2, 0), (1, 3)), (1, 1), (2, 3), 3),
    'transposed': ((2, 5, 4, 2), (2, 3), (1, 1), ((1, 1), (2, 2)), (2, 3), (1, 1), 1),
    'cropped': ((2, 8, 8, 2), (2, 2), (2, 2), ((-1, 0), (0, -1)), (1, 1), (1, 1), 2),
    'one axis': ((3, 13, 2), (4,), (2,), ((1, 2),), (1,), (2,), 1),
    'no room': ((2, 2, 5, 2), (3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), (1, 1), 1),
}


@pytest.fixture(params=CASES.values(), ids=CASES, scope='module')
def conv(request):
  shape, *rest = request.param
  return layers.Conv(toys.normal(0, *shape), *rest)


@pytest.fixture(scope='module')
def cut(conv):
  """All patches of the convolution `[B, n, d]`."""
  return np.asarray(_compiled(lambda conv: patches.extract(conv)[0], conv))


def _compiled(fn, conv):
  """A function of a convolution, in one program."""
  return jax.jit(lambda x: fn(conv._replace(x=x)))(conv.x)


def test_they_make_the_convolution(conv, cut):
  width, outputs = conv.x.shape[-1] // conv.groups, 2
  kernel = toys.normal(1, *conv.window, width, conv.groups * outputs)
  letters = 'HW'[:len(conv.window)]
  out = _compiled(lambda conv: lax.conv_general_dilated(
      conv.x, kernel, conv.strides, conv.padding, conv.input_dilation,
      conv.kernel_dilation, (f'N{letters}C', f'{letters}IO', f'N{letters}C'),
      conv.groups), conv)
  folded = kernel.reshape(-1, conv.groups, outputs).swapaxes(0, 1)
  product = np.einsum('bnd,bdo->nbo', cut, folded)
  np.testing.assert_allclose(product.reshape(out.shape), out, atol=1e-5)
  assert patches.count(conv) == cut.shape[1] == math.prod(out.shape[:-1])


def test_every_platform_cuts_out_the_same(conv, cut):
  """A CPU takes another way than the rest."""
  if not cut.size:
    return
  whole = [slice(0, math.prod(conv.window))]
  for way in (patches.by_slices, patches.by_index):
    found, = _compiled(lambda conv, way=way: way(patches.pad(conv), whole), conv)
    np.testing.assert_array_equal(found, cut)


def test_blocks_sums_and_samples_are_of_the_same_patches(conv, cut):
  blocks = _compiled(
      lambda conv: patches.extract(conv, min(3, math.prod(conv.window))), conv)
  np.testing.assert_array_equal(np.concatenate(blocks, -1), cut)
  np.testing.assert_allclose(
      _compiled(patches.total, conv), cut.sum(1, dtype=np.float64), atol=1e-5)
  n = len(conv.x)
  by_position = cut.reshape(*cut.shape[:1], n, -1, cut.shape[-1])
  if by_position.shape[2]:
    index = np.random.default_rng(2).permutation(by_position.shape[2])[:5]
    np.testing.assert_array_equal(
        _compiled(lambda conv: patches.extract_at(conv, index), conv),
        by_position[:, :, index].reshape(conv.groups, -1, cut.shape[-1]))


@pytest.mark.parametrize('positions', [1, 5, 1000, *(
    pytest.param(positions, marks=pytest.mark.slow) for positions in (2, 11))])
def test_parts_hold_all_images_and_no_more_positions_than_fit(conv, cut, positions):
  one = 4 * len(conv.x) * math.prod(conv.window) * conv.x.shape[-1]
  seen = []

  def statistic(part):
    found, = patches.extract(part)
    seen.append((len(part.x), patches.count(part) // len(part.x)))
    return found.sum(1), (found**2).sum()

  got = _compiled(
      lambda conv: patches.sum_over_patches(statistic, conv, positions * one), conv)
  np.testing.assert_allclose(got[0], cut.sum(1), atol=1e-4)
  np.testing.assert_allclose(got[1], (cut**2).sum(), rtol=1e-5)
  assert {images for images, _ in seen} == {len(conv.x)}
  assert max(count for _, count in seen) <= positions
