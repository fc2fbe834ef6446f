"""unsc_jax: machine unlearning for JAX."""

import importlib
from typing import TYPE_CHECKING

from unsc_jax import batching
from unsc_jax import capture
from unsc_jax import data
from unsc_jax import evaluation
from unsc_jax import methods
from unsc_jax import moments
from unsc_jax import null_space
from unsc_jax import parts
from unsc_jax import problem
from unsc_jax import progress
from unsc_jax import session
from unsc_jax import sharding
from unsc_jax import storage
from unsc_jax import training
from unsc_jax.capture import Site
from unsc_jax.capture import sites
from unsc_jax.moments import accumulate
from unsc_jax.moments import input_moments
from unsc_jax.moments import Moment
from unsc_jax.moments import Moments
from unsc_jax.moments import sampled_moments
from unsc_jax.null_space import assert_preserves
from unsc_jax.null_space import Bases
from unsc_jax.null_space import Basis
from unsc_jax.null_space import capacity
from unsc_jax.null_space import drift
from unsc_jax.null_space import eigh
from unsc_jax.null_space import eigh_float64
from unsc_jax.null_space import energy_rank
from unsc_jax.null_space import leak
from unsc_jax.null_space import null_space_bases
from unsc_jax.null_space import null_space_projection
from unsc_jax.null_space import project_updates
from unsc_jax.null_space import threshold_rank
from unsc_jax.problem import Examples
from unsc_jax.problem import Network
from unsc_jax.problem import Problem
from unsc_jax.session import Session

if TYPE_CHECKING:
  from unsc_jax import models
  from unsc_jax import report
  from unsc_jax import requests
  from unsc_jax import study
  from unsc_jax.report import Results
  from unsc_jax.study import evaluate

__version__ = '0.1.0'

# Read when somebody asks for them: models bring Flax, reports Matplotlib.
_LATE = ('models', 'report', 'requests', 'study')
_LATE_NAMES = {'Results': 'report', 'evaluate': 'study'}

__all__ = (
    'Bases', 'Basis', 'Examples', 'Moment', 'Moments', 'Network', 'Problem', 'Results',
    'Session', 'Site', 'accumulate', 'assert_preserves', 'batching', 'capacity', 'capture', 'data',
    'drift', 'eigh', 'eigh_float64', 'energy_rank', 'evaluate', 'evaluation', 'input_moments',
    'leak', 'methods', 'models', 'moments', 'null_space', 'null_space_bases',
    'null_space_projection', 'parts', 'problem', 'progress', 'project_updates', 'report',
    'requests', 'sampled_moments', 'session', 'sharding', 'sites', 'storage', 'study',
    'threshold_rank', 'training',
)


def __dir__() -> list[str]:
  return [*__all__, '__version__']


if not TYPE_CHECKING:  # to a type checker every name would be one of the package's

  def __getattr__(name: str):
    if name in _LATE:
      return importlib.import_module(f'{__name__}.{name}')
    if name in _LATE_NAMES:
      return getattr(importlib.import_module(f'{__name__}.{_LATE_NAMES[name]}'), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
