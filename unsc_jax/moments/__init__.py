"""Second moments of the inputs of every layer."""

from unsc_jax.moments.group import check_finite
from unsc_jax.moments.group import Moment
from unsc_jax.moments.group import Moments
from unsc_jax.moments.moments import accumulate
from unsc_jax.moments.moments import all_of_them
from unsc_jax.moments.moments import input_moments
from unsc_jax.moments.moments import MomentsFn
from unsc_jax.moments.moments import Select
from unsc_jax.moments.outputs import accumulate_outputs
from unsc_jax.moments.outputs import output_moments
from unsc_jax.moments.rows import accumulate_rows
from unsc_jax.moments.rows import row_by_row
from unsc_jax.moments.sampling import Sampled
from unsc_jax.moments.sampling import sampled_moments

__all__ = (
    'Moment', 'Moments', 'MomentsFn', 'Sampled', 'Select', 'accumulate',
    'accumulate_outputs', 'accumulate_rows', 'all_of_them', 'check_finite', 'input_moments',
    'output_moments', 'row_by_row', 'sampled_moments',
)
