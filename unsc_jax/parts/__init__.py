"""What methods are put together from."""

from unsc_jax.parts import edits
from unsc_jax.parts import gem
from unsc_jax.parts import head
from unsc_jax.parts import leaves
from unsc_jax.parts import lengths
from unsc_jax.parts import masks
from unsc_jax.parts import objectives
from unsc_jax.parts import optimizers
from unsc_jax.parts import orthogonal
from unsc_jax.parts import passes
from unsc_jax.parts import references
from unsc_jax.parts import retained
from unsc_jax.parts import schedules
from unsc_jax.parts import stiefel
from unsc_jax.parts import stopping
from unsc_jax.parts import targets
from unsc_jax.parts.composition import compose
from unsc_jax.parts.composition import Confined
from unsc_jax.parts.composition import Edit
from unsc_jax.parts.composition import Stopwatch
from unsc_jax.parts.composition import Transform
from unsc_jax.parts.composition import whole_classes

__all__ = (
    'Confined', 'Edit', 'Stopwatch', 'Transform', 'compose', 'edits', 'gem', 'head',
    'leaves', 'lengths', 'masks', 'objectives', 'optimizers', 'orthogonal', 'passes',
    'references', 'retained', 'schedules', 'stiefel', 'stopping', 'targets',
    'whole_classes',
)
