"""The figures: functions from results to an `svg.Plot`, one file an idea.

A figure whose data the results do not have is None.
"""

from unsc_jax.report.figures.energy import energy_curve
from unsc_jax.report.figures.energy import trade_off
from unsc_jax.report.figures.loss import loss
from unsc_jax.report.figures.per_class import per_class
from unsc_jax.report.figures.spectra import free_directions
from unsc_jax.report.figures.spectra import spectrum
from unsc_jax.report.figures.wall_time import wall_time

__all__ = (
    'energy_curve', 'free_directions', 'loss', 'per_class', 'spectrum',
    'trade_off', 'wall_time')
