"""Unlearning methods: factories that return `method(problem, key)`.

Each is put together by `compose` from an edit of the weights, an objective, an
Optax transform and a schedule over the data; each says in its docstring where
it comes from, what it costs and which data it touches.
"""

from unsc_jax.methods.alignment import dimensional_alignment
from unsc_jax.methods.alignment import null_space_alignment
from unsc_jax.methods.ascent import gradient_ascent
from unsc_jax.methods.ascent import neggrad_plus
from unsc_jax.methods.ascent import partially_blinded
from unsc_jax.methods.fine_tuning import cf_k
from unsc_jax.methods.fine_tuning import eu_k
from unsc_jax.methods.fine_tuning import fine_tune
from unsc_jax.methods.fine_tuning import l1_sparse
from unsc_jax.methods.fisher import fisher_forgetting
from unsc_jax.methods.fisher import influence
from unsc_jax.methods.fisher import ssd
from unsc_jax.methods.other_answers import bad_teacher
from unsc_jax.methods.other_answers import boundary_shrink
from unsc_jax.methods.other_answers import delete
from unsc_jax.methods.other_answers import random_label
from unsc_jax.methods.other_answers import scrub
from unsc_jax.methods.pgu import pgu
from unsc_jax.methods.references import head_only
from unsc_jax.methods.references import original
from unsc_jax.methods.references import retrain
from unsc_jax.methods.saliency import example_localization
from unsc_jax.methods.saliency import retention_masking
from unsc_jax.methods.saliency import salun
from unsc_jax.methods.saliency import scissorhands
from unsc_jax.methods.subspace_edits import class_projection
from unsc_jax.methods.subspace_edits import esc
from unsc_jax.methods.subspace_edits import loft
from unsc_jax.methods.unsc import unsc
from unsc_jax.methods.unsir import unsir

__all__ = (
    'bad_teacher', 'boundary_shrink', 'cf_k', 'class_projection', 'delete',
    'dimensional_alignment', 'esc', 'eu_k', 'example_localization', 'fine_tune',
    'fisher_forgetting', 'gradient_ascent', 'head_only', 'influence', 'l1_sparse',
    'loft', 'neggrad_plus', 'null_space_alignment', 'original', 'partially_blinded',
    'pgu', 'random_label', 'retention_masking', 'retrain', 'salun', 'scissorhands',
    'scrub', 'ssd', 'unsc', 'unsir',
)
