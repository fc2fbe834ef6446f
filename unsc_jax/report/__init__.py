"""One self-contained HTML page about the results of an experiment, the verdict first.

Needs msgspec and Matplotlib, which come with `pip install 'unsc_jax[report]'`;
the rest of the library never imports this.
"""

try:
  import matplotlib as _matplotlib  # noqa: F401
  import msgspec as _msgspec  # noqa: F401
except ImportError as error:
  raise ImportError("pages need Matplotlib and msgspec: pip install 'unsc_jax[report]'.",
                    name=error.name) from error

from unsc_jax.report.files import find
from unsc_jax.report.files import parse
from unsc_jax.report.files import read
from unsc_jax.report.files import write
from unsc_jax.report.page import render
from unsc_jax.report.pictures import Contours
from unsc_jax.report.pictures import FeatureMap
from unsc_jax.report.pictures import Landscape
from unsc_jax.report.pictures import Losses
from unsc_jax.report.pictures import LossShares
from unsc_jax.report.pictures import Pictures
from unsc_jax.report.results import ClassCounts
from unsc_jax.report.results import CurvePoint
from unsc_jax.report.results import Dataset
from unsc_jax.report.results import Layer
from unsc_jax.report.results import Results
from unsc_jax.report.results import Row
from unsc_jax.report.results import SCHEMA
from unsc_jax.report.results import Sizes
from unsc_jax.report.results import Trial

__all__ = (
    'SCHEMA', 'ClassCounts', 'Contours', 'CurvePoint', 'Dataset', 'FeatureMap',
    'Landscape', 'Layer', 'LossShares', 'Losses', 'Pictures', 'Results', 'Row', 'Sizes',
    'Trial', 'find', 'parse', 'read', 'render', 'write',
)
