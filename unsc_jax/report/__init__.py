"""One self-contained HTML page about a results.json, the verdict first.

Needs Matplotlib, which comes with `pip install 'unsc_jax[experiments]'`; the
rest of the library never imports this.
"""

from unsc_jax.report.page import render
from unsc_jax.report.schema import SCHEMA
from unsc_jax.report.schema import validate

__all__ = ('SCHEMA', 'render', 'validate')
