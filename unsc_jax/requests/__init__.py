"""Requests to be forgotten, one after the other, from a store beside a model."""

from unsc_jax.requests.asked import Arrays
from unsc_jax.requests.asked import Asked
from unsc_jax.requests.asked import Classes
from unsc_jax.requests.asked import Ids
from unsc_jax.requests.asked import Share
from unsc_jax.requests.choices import Choices
from unsc_jax.requests.enroll import enroll
from unsc_jax.requests.forget import forget
from unsc_jax.requests.forget import Forgotten
from unsc_jax.requests.refresh import refresh
from unsc_jax.requests.store import export
from unsc_jax.requests.store import load
from unsc_jax.requests.verify import again
from unsc_jax.requests.verify import history
from unsc_jax.requests.verify import verify

__all__ = (
    'Arrays', 'Asked', 'Choices', 'Classes', 'Forgotten', 'Ids', 'Share', 'again',
    'enroll', 'export', 'forget', 'history', 'load', 'refresh', 'verify',
)
