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
    'a product `x @ W`', 'fused q, k, v, split', 'a module used twice',
    'columns joined with those of another parameter',
    'Linear, as a State', 'Linear', 'stride, dilation, groups and padding at once',
    'an ensemble of grouped convolutions', 'ConvTranspose', 'a tied table',
    'an expert, picked by a traced index', 'a recurrent layer by `scan`',
    'stacks of stacks', 'RNN of OptimizedLSTMCell, its gates joined',
    'scanned and rematerialised layers', 'a vmapped ensemble, own inputs',
    'inside `while_loop`', 'inside the branches of `switch`',
    'inside `custom_jvp`', 'inside `custom_vjp`, with a forward pass of its own',
    'inside nested `checkpoint`s with a policy',
    'inside `shard_map`, split along outputs', 'LoRA, merged',
    'float32 parameters, computed in bfloat16',
}
