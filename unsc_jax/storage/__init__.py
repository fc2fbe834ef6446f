"""What is kept on the disk: whole, or not at all."""

from unsc_jax.storage import checkpoints
from unsc_jax.storage import moments
from unsc_jax.storage.code import Unseen
from unsc_jax.storage.identity import describe
from unsc_jax.storage.identity import describe_function
from unsc_jax.storage.identity import fingerprint
from unsc_jax.storage.program import program
from unsc_jax.storage.resume import Checkpoint
from unsc_jax.storage.resume import kept
from unsc_jax.storage.resume import opened

__all__ = (
    'Checkpoint', 'Unseen', 'checkpoints', 'describe', 'describe_function', 'fingerprint',
    'kept', 'moments', 'opened', 'program',
)
