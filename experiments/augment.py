"""Random crops and flips of training images, as networks of CIFAR-10 are trained with.

In a few lines of JAX, where a library would do: on machines that train there may be none.
"""

import dataclasses

import jax
from jax import lax
import jax.numpy as jnp


@dataclasses.dataclass(frozen=True)
class crop_and_flip:
  """Crops every image anew out of its padded self, and mirrors every other one.

  Args:
    pad: pixels of zeros on every side, which are mean pixels where images are
      normalised; the papers pad with black, before that.
    flip: whether to mirror at all; not where left and right tell classes apart, as in
      digits.

  Example:
    >>> x = jnp.ones((2, 8, 8, 3))
    >>> crop_and_flip(pad=2)(jax.random.key(0), x).shape
    (2, 8, 8, 3)
  """
  pad: int = 4
  flip: bool = True

  def __call__(self, key: jax.Array, x: jax.Array) -> jax.Array:
    """Images `[B, H, W, C]` of any float, each with an offset of its own."""
    room = ((self.pad, self.pad), (self.pad, self.pad), (0, 0))

    def one(key, image):
      crop, mirror = jax.random.split(key)
      row, column = jax.random.randint(crop, (2,), 0, 2 * self.pad + 1)
      cropped = lax.dynamic_slice(jnp.pad(image, room), (row, column, 0), image.shape)
      mirrored = self.flip & jax.random.bernoulli(mirror)
      return jnp.where(mirrored, cropped[:, ::-1], cropped)

    return jax.vmap(one)(jax.random.split(key, len(x)), x)
