"""What methods are put together from."""

from unsc_jax.parts.composition import compose
from unsc_jax.parts.composition import Confined
from unsc_jax.parts.composition import Edit
from unsc_jax.parts.composition import Stopwatch
from unsc_jax.parts.composition import Transform
from unsc_jax.parts.composition import whole_classes

__all__ = (
    'Confined',
    'Edit',
    'Stopwatch',
    'Transform',
    'compose',
    'whole_classes',
)
