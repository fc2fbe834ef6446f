"""What is kept on the disk: whole, or not at all."""

from unsc_jax.storage.resume import opened
from unsc_jax.storage.resume import Rolling

__all__ = (
    'Rolling',
    'opened',
)
