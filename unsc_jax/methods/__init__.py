"""Unlearning methods: factories that return `method(problem, key)`.

Each is put together by `compose` from an edit of the weights, an objective, an
Optax transform and a schedule over the data; each says in its docstring where
it comes from, what it costs and which data it touches.
"""

from unsc_jax.methods.bad_teacher import bad_teacher
from unsc_jax.methods.delete import delete
from unsc_jax.methods.dimensional_alignment import dimensional_alignment
from unsc_jax.methods.example_localization import example_localization
from unsc_jax.methods.fine_tune import fine_tune
from unsc_jax.methods.fisher_forgetting import fisher_forgetting
from unsc_jax.methods.gradient_ascent import gradient_ascent
from unsc_jax.methods.gradient_ascent import neggrad_plus
from unsc_jax.methods.head_only import head_only
from unsc_jax.methods.influence import influence
from unsc_jax.methods.l1_sparse import l1_sparse
from unsc_jax.methods.last_layers import cf_k
from unsc_jax.methods.last_layers import eu_k
from unsc_jax.methods.loft import loft
from unsc_jax.methods.lower_logits import lower_logits
from unsc_jax.methods.min_norm_og import min_norm_og
from unsc_jax.methods.msg import msg
from unsc_jax.methods.null_space_alignment import null_space_alignment
from unsc_jax.methods.original import original
from unsc_jax.methods.orthograd import orthograd
from unsc_jax.methods.partially_blinded import partially_blinded
from unsc_jax.methods.pgu import pgu
from unsc_jax.methods.random_label import boundary_shrink
from unsc_jax.methods.random_label import random_label
from unsc_jax.methods.regun import regun
from unsc_jax.methods.retention_masking import retention_masking
from unsc_jax.methods.retrain import retrain
from unsc_jax.methods.salun import salun
from unsc_jax.methods.scissorhands import scissorhands
from unsc_jax.methods.scrub import scrub
from unsc_jax.methods.ssd import ssd
from unsc_jax.methods.subspace_edits import class_projection
from unsc_jax.methods.subspace_edits import esc
from unsc_jax.methods.uam import uam
from unsc_jax.methods.unsc import unsc
from unsc_jax.methods.unsir import unsir

__all__ = (
    'bad_teacher', 'boundary_shrink', 'cf_k', 'class_projection', 'delete',
    'dimensional_alignment', 'esc', 'eu_k', 'example_localization', 'fine_tune',
    'fisher_forgetting', 'gradient_ascent', 'head_only', 'influence', 'l1_sparse',
    'loft', 'lower_logits', 'min_norm_og', 'msg', 'neggrad_plus', 'null_space_alignment',
    'original', 'orthograd', 'partially_blinded', 'pgu', 'random_label', 'regun',
    'retention_masking', 'retrain', 'salun', 'scissorhands', 'scrub', 'ssd', 'uam',
    'unsc', 'unsir',
)
