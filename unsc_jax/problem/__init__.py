"""What a method is given, and what it gives back."""

from unsc_jax.problem.checks import checked
from unsc_jax.problem.examples import Examples
from unsc_jax.problem.network import Network
from unsc_jax.problem.network import Params
from unsc_jax.problem.problem import Method
from unsc_jax.problem.problem import Problem
from unsc_jax.problem.problem import Unlearned
from unsc_jax.problem.splitting import split
from unsc_jax.problem.splitting import split_classes
from unsc_jax.problem.splitting import split_indices
from unsc_jax.problem.splitting import split_random
from unsc_jax.problem.trainable import floats

__all__ = (
    'Examples', 'Method', 'Network', 'Params', 'Problem', 'Unlearned', 'checked',
    'floats', 'split', 'split_classes', 'split_indices', 'split_random',
)
