"""What moments leave free, and the optimisers that stay in it."""

from unsc_jax.null_space.bases import Bases
from unsc_jax.null_space.bases import Basis
from unsc_jax.null_space.bases import null_space_bases
from unsc_jax.null_space.budget import drift_budget
from unsc_jax.null_space.capacity import Capacity
from unsc_jax.null_space.capacity import capacity
from unsc_jax.null_space.cholesky import Inverse
from unsc_jax.null_space.cholesky import inverse
from unsc_jax.null_space.cholesky import inverse_float64
from unsc_jax.null_space.combining import chosen
from unsc_jax.null_space.combining import Combine
from unsc_jax.null_space.combining import merged
from unsc_jax.null_space.combining import pooled
from unsc_jax.null_space.combining import sequential
from unsc_jax.null_space.drift import drift
from unsc_jax.null_space.eigen import Eigh
from unsc_jax.null_space.eigen import eigh
from unsc_jax.null_space.eigen import eigh_float64
from unsc_jax.null_space.filters import Filter
from unsc_jax.null_space.filters import hard
from unsc_jax.null_space.filters import soft
from unsc_jax.null_space.gains import Confinement
from unsc_jax.null_space.gains import Gain
from unsc_jax.null_space.gains import Gains
from unsc_jax.null_space.gains import KroneckerGain
from unsc_jax.null_space.leaks import expected_leak
from unsc_jax.null_space.leaks import leak
from unsc_jax.null_space.preserves import assert_preserves
from unsc_jax.null_space.projection import null_space_projection
from unsc_jax.null_space.projection import project
from unsc_jax.null_space.projection import project_updates
from unsc_jax.null_space.ranks import energy_rank
from unsc_jax.null_space.ranks import published_rank
from unsc_jax.null_space.ranks import RankRule
from unsc_jax.null_space.ranks import threshold_rank
from unsc_jax.null_space.responses import butterworth
from unsc_jax.null_space.responses import Response
from unsc_jax.null_space.responses import soft_beyond
from unsc_jax.null_space.responses import spectral
from unsc_jax.null_space.sides import BothSides
from unsc_jax.null_space.sides import kronecker
from unsc_jax.null_space.sides import two_sided

__all__ = (
    'Bases', 'Basis', 'BothSides', 'Capacity', 'Combine', 'Confinement', 'Eigh',
    'Filter', 'Gain', 'Gains', 'Inverse', 'KroneckerGain', 'RankRule', 'Response',
    'assert_preserves', 'butterworth', 'capacity', 'chosen', 'drift', 'drift_budget',
    'eigh', 'eigh_float64', 'energy_rank', 'expected_leak', 'hard', 'inverse',
    'inverse_float64', 'kronecker', 'leak', 'merged', 'null_space_bases',
    'null_space_projection', 'pooled', 'project', 'project_updates', 'published_rank',
    'sequential', 'soft', 'soft_beyond', 'spectral', 'threshold_rank', 'two_sided',
)
