"""From a problem and methods to results: every method, its controls and all measures.

Where `evaluation` measures one network, a study runs methods on all seeds, retrains what
they are held against, and gives typed results: rows, layers and pictures.
"""

from unsc_jax.study import origin
from unsc_jax.study.evaluating import evaluate
from unsc_jax.study.evaluating import named
from unsc_jax.study.evaluating import results
from unsc_jax.study.rows import check_shadows
from unsc_jax.study.rows import of_seeds
from unsc_jax.study.rows import row
from unsc_jax.study.runs import networks
from unsc_jax.study.runs import Run

__all__ = ('Run', 'check_shadows', 'evaluate', 'named', 'networks', 'of_seeds', 'origin',
           'results', 'row')
