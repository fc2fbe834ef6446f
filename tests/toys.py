"""What tests begin with: those of moments and null spaces, and of other processes."""

import os
import subprocess
import sys

import jax
from jax import lax
import numpy as np

import unsc_jax
from unsc_jax.moments import moments as moments_lib

# Of a whole tree in one program, where each operation would be one.
confine = jax.jit(unsc_jax.null_space.project)
leak = jax.jit(unsc_jax.leak)
drift = jax.jit(unsc_jax.drift)


def normal(seed, *shape):
  """Standard normal numbers in float32: NumPy's, so that nothing is compiled of them."""
  return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def convolve(x, kernel, strides=(1, 1), padding='SAME', groups=1, **options):
  """A convolution of images `[N, H, W, C]`."""
  return lax.conv_general_dilated(
      x, kernel, strides, padding, feature_group_count=groups,
      dimension_numbers=('NHWC', 'HWIO', 'NHWC'), **options)


def of_a_stranger(fn):
  """A function that may promote ranks and types as it likes: strict modes are of our code."""
  def called(*args):
    with jax.numpy_rank_promotion('allow'), jax.numpy_dtype_promotion('standard'):
      return fn(*args)
  return called


def moments_of(fn, params, *args):
  """The moments of a function's layers, in one compiled pass."""
  return moments_lib.moments_of(unsc_jax.input_moments(fn), params, *args)


def bases_of(fn, params, *args):
  """What these arguments leave free, but for the noise of float32."""
  return unsc_jax.null_space_bases(
      moments_of(fn, params, *args), unsc_jax.threshold_rank(1e-5))


@jax.jit
def project(basis, update):
  """What a basis, or a gain, lets pass of a parameter: one program, not one a step."""
  return basis.project(update)


def projector(basis, width=None):
  """The matrix `[d, d]` by which a basis projects a parameter `[d, width]`."""
  d = basis.eigenvalues.shape[-1]
  return np.asarray(project(basis, np.eye(d, width, dtype=np.float32)))[:, :d]


def change(before, after):
  """The distance of two arrays, relative to the first."""
  before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
  return np.linalg.norm(after - before) / np.linalg.norm(before)


def said_elsewhere(code: str) -> str:
  """What some code prints in another process, whose hashes of strings are others."""
  return subprocess.run(
      [sys.executable, '-c', code], capture_output=True, text=True, timeout=120,
      env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path), 'PYTHONHASHSEED': '7'},
      check=True).stdout
