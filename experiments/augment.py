"""Random crops and flips of training images, as networks of CIFAR-10 are trained with."""

import dataclasses

import jax
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
    import dm_pix  # where images are augmented: networks that are given need none

    room = ((self.pad, self.pad), (self.pad, self.pad), (0, 0))

    def one(key, image):
      crop, mirror = jax.random.split(key)
      cropped = dm_pix.random_crop(crop, jnp.pad(image, room), image.shape)
      return dm_pix.random_flip_left_right(mirror, cropped) if self.flip else cropped

    return jax.vmap(one)(jax.random.split(key, len(x)), x)
