"""unsc_jax: machine unlearning for JAX."""

import importlib
from typing import Any

from unsc_jax.bases import Basis
from unsc_jax.bases import energy_rank
from unsc_jax.bases import null_space_bases
from unsc_jax.bases import threshold_rank
from unsc_jax.certificate import drift
from unsc_jax.eigen import eigh
from unsc_jax.eigen import eigh_float64
from unsc_jax.leaks import assert_preserves
from unsc_jax.leaks import leak
from unsc_jax.moments import accumulate
from unsc_jax.moments import input_moments
from unsc_jax.moments import Moment
from unsc_jax.moments import Moments
from unsc_jax.overview import capacity
from unsc_jax.overview import sites
from unsc_jax.projection import null_space_projection
from unsc_jax.projection import project_updates
from unsc_jax.sampling import sampled_moments
from unsc_jax.site import Site

__version__ = '0.1.0'

__all__ = (
    'Basis',
    'Moment',
    'Moments',
    'Site',
    'accumulate',
    'assert_preserves',
    'capacity',
    'drift',
    'eigh',
    'eigh_float64',
    'energy_rank',
    'input_moments',
    'leak',
    'null_space_bases',
    'null_space_projection',
    'project_updates',
    'sampled_moments',
    'sites',
    'threshold_rank',
)

# Rooms that stay unread until somebody asks for them, as `unsc_jax.methods`.
_ROOMS = ('batching', 'checkpoints', 'data', 'evaluation', 'methods', 'models',
          'objectives', 'predict', 'problem', 'report', 'rolling', 'schedules',
          'sharding', 'spaces', 'storage', 'targets', 'teachers', 'training')


def __getattr__(name: str) -> Any:
  if name in _ROOMS:
    return importlib.import_module(f'{__name__}.{name}')
  raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
