"""The one training loop, and passes over many examples."""

from unsc_jax.training import gradients
from unsc_jax.training import tiles
from unsc_jax.training.fit import classify
from unsc_jax.training.fit import classify_in_training
from unsc_jax.training.fit import fit
from unsc_jax.training.fit import Fitted
from unsc_jax.training.fit import fresh
from unsc_jax.training.fit import Recipe
from unsc_jax.training.fit import train
from unsc_jax.training.fit import Watch
from unsc_jax.training.following import Refresh
from unsc_jax.training.following import Scheduled
from unsc_jax.training.losses import cross_entropies
from unsc_jax.training.losses import cross_entropy
from unsc_jax.training.predict import answers
from unsc_jax.training.predict import predict
from unsc_jax.training.step import Loss
from unsc_jax.training.step import make_step
from unsc_jax.training.step import only
from unsc_jax.training.step import update

__all__ = (
    'Fitted', 'Loss', 'Recipe', 'Refresh', 'Scheduled', 'Watch', 'answers',
    'classify', 'classify_in_training', 'cross_entropies', 'cross_entropy', 'fit',
    'fresh', 'gradients', 'make_step', 'only', 'predict', 'tiles', 'train', 'update',
)
