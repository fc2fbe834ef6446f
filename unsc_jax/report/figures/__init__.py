"""The figures: functions from results to an `svg.Plot`, one file an idea.

A figure whose data the results do not have is None.
"""

from unsc_jax.report.figures.class_scatter import class_scatter
from unsc_jax.report.figures.confusion import called
from unsc_jax.report.figures.confusion import confusion
from unsc_jax.report.figures.contours import contours
from unsc_jax.report.figures.energy import energy_curve
from unsc_jax.report.figures.energy import trade_off
from unsc_jax.report.figures.feature_map import feature_map
from unsc_jax.report.figures.gaps import gap_in_bands
from unsc_jax.report.figures.gaps import gaps
from unsc_jax.report.figures.histograms import losses
from unsc_jax.report.figures.looks import FULL_WIDTH
from unsc_jax.report.figures.looks import WIDTH
from unsc_jax.report.figures.loss import loss
from unsc_jax.report.figures.per_class import per_class
from unsc_jax.report.figures.relearn import relearn
from unsc_jax.report.figures.spectra import free_directions
from unsc_jax.report.figures.spectra import spectrum
from unsc_jax.report.figures.wall_time import wall_time

__all__ = (
    'FULL_WIDTH', 'WIDTH', 'called', 'class_scatter', 'confusion', 'contours',
    'energy_curve', 'feature_map', 'free_directions', 'gap_in_bands', 'gaps', 'loss',
    'losses', 'per_class', 'relearn', 'spectrum', 'trade_off', 'wall_time',
)
