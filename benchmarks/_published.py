"""The published algorithm, from its description: what ours is compared with.

A sequential subspace per layer as in gradient projection memory: representation
matrices by a loop over images and positions in float64, all layers' at once; for
every class a full decomposition of each, and from the second class on another one
of what is new in it. Patches are valid and of stride one, whatever the layer
does, and a rank stops short of its energy. Written to be timed, not to be used.

`N` images, `d` entries of a patch, `n` patches.
"""

import numpy as np


def representation(inputs: np.ndarray, side: int) -> np.ndarray:
  """Valid, stride-one patches of `[N, channels, H, W]` as columns: `[d, n]`."""
  images, channels, height, width = inputs.shape
  rows, columns = height - side + 1, width - side + 1
  out = np.zeros((channels * side * side, images * rows * columns))
  at = 0
  for image in inputs:
    for i in range(rows):
      for j in range(columns):
        out[:, at] = image[:, i:i + side, j:j + side].reshape(-1)
        at += 1
  return out


def first_class(matrix: np.ndarray, energy: float) -> np.ndarray:
  """The subspace of the first class: `[d, k]`."""
  vectors, values, _ = np.linalg.svd(matrix, full_matrices=False)
  share = np.cumsum(values**2) / (values**2).sum()
  return vectors[:, :(share < energy).sum()]


def next_class(basis: np.ndarray, matrix: np.ndarray, energy: float) -> np.ndarray:
  """The subspace with another class added."""
  _, values, _ = np.linalg.svd(matrix, full_matrices=False)
  total = (values**2).sum()
  new = matrix - basis @ (basis.T @ matrix)
  vectors, values, _ = np.linalg.svd(new, full_matrices=False)
  kept = 1 - (values**2).sum() / total + np.cumsum(values**2) / total
  more = vectors[:, :(kept < energy).sum()]
  return np.hstack([basis, more])[:, :len(basis)]
