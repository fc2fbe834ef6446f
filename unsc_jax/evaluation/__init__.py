"""Evaluation of unlearning.

`metrics` holds the measures, pure functions of arrays. Here is what runs networks:
`measure` does all of it for one of them, any `(fn, params)`, in a `Setup`, with
several of `reference` as the ruler, and gives values with intervals.
"""

from unsc_jax.evaluation import metrics
from unsc_jax.evaluation.measure import measure
from unsc_jax.evaluation.measure import reference
from unsc_jax.evaluation.measure import Setup
from unsc_jax.evaluation.measured import Measured
from unsc_jax.evaluation.measured import Missing
from unsc_jax.evaluation.measured import Relearning
from unsc_jax.evaluation.metrics import *  # noqa: F403
from unsc_jax.evaluation.metrics.checks import DoesNotApply
from unsc_jax.evaluation.outputs import Outputs
from unsc_jax.evaluation.outputs import outputs_of
from unsc_jax.evaluation.outputs import Reference
from unsc_jax.evaluation.probe import linear_probe
from unsc_jax.evaluation.relearn import anamnesis_index
from unsc_jax.evaluation.relearn import relearn_time
from unsc_jax.evaluation.relearn import Relearned
from unsc_jax.evaluation.shadows import ensembles

__all__ = (
    'DoesNotApply', 'Measured', 'Missing', 'Outputs', 'Reference', 'Relearned',
    'Relearning', 'Setup', 'anamnesis_index', 'ensembles', 'linear_probe', 'measure', 'outputs_of',
    'reference', 'relearn_time',
)
__all__ += metrics.__all__
