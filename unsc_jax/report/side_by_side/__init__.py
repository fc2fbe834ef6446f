"""Several runs in one view, as a page or for a terminal."""

from unsc_jax.report.side_by_side.page import render
from unsc_jax.report.side_by_side.runs import Run
from unsc_jax.report.side_by_side.terminal import tables

__all__ = (
    'Run', 'render', 'tables',
)
