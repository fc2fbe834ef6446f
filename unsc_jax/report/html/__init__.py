"""HTML and SVG: the frame of a page, elements from values, drawings of Matplotlib's."""

from unsc_jax.report.html import document
from unsc_jax.report.html import markup
from unsc_jax.report.html import svg

__all__ = (
    'document', 'markup', 'svg',
)
