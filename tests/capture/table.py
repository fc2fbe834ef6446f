"""All rows of the specification."""

from tests.capture.cases import control
from tests.capture.cases import conv
from tests.capture.cases import dense
from tests.capture.cases import geometry
from tests.capture.cases import lookup
from tests.capture.cases import parts
from tests.capture.cases import recurrent
from tests.capture.cases import recurrent_modules
from tests.capture.cases import refusals
from tests.capture.cases import wrapped

CASES = [*dense.CASES, *parts.CASES, *conv.CASES, *geometry.CASES, *lookup.CASES,
         *recurrent.CASES, *recurrent_modules.CASES, *control.CASES, *wrapped.CASES,
         *refusals.CASES]

# One row of each kind, to be put in every context in every run; the others are
# in the long ones.
DAILY = {
    'a product `x @ W`', 'a module used twice',
    'stride, dilation, groups and padding at once',
    'an ensemble of grouped convolutions', 'a tied table',
    'an expert, picked by a traced index', 'a recurrent layer by `scan`',
    'scanned and rematerialised layers', 'inside `while_loop`',
    'inside `custom_vjp`, with a forward pass of its own',
}


def is_quick(case) -> bool:
  """Whether a row is measured in every run, and not only in long ones."""
  return case.framework == 'hand-written' or case.what in DAILY
