"""Refuses images that a network would pool away."""

import jax


def check(x: jax.Array, side: int, network: str) -> None:
  """Raises ValueError unless `x` is [B, H, W, channels] with H, W >= side."""
  if x.ndim != 4 or min(x.shape[1:3]) < side:
    raise ValueError(
        f'{network} takes images [B, H, W, channels] of at least {side}x{side} '
        f'pixels, not {x.shape}: choose a smaller network or enlarge them.')
