"""What is kept on the disk: whole, or not at all."""

from unsc_jax.storage.resume import Checkpoint
from unsc_jax.storage.resume import opened

__all__ = (
    'Checkpoint',
    'opened',
)
