"""Unlearning methods: factories that return `method(problem, key)`."""

from unsc_jax.methods.head_only import head_only
from unsc_jax.methods.original import original
from unsc_jax.methods.retrain import retrain
from unsc_jax.methods.unsc import unsc

__all__ = ('head_only', 'original', 'retrain', 'unsc')
