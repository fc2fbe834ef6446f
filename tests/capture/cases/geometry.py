"""Convolutions of NNX and Haiku: what their own arguments make of the geometry."""

import functools

from flax import nnx
import haiku as hk
import numpy as np

from tests.capture import case as case_lib
from tests.capture import frameworks
from tests.capture import oracle

random = case_lib.random
of = frameworks.Section('Convolutions')
SIGNAL, IMAGE, BLOCK = random(1, 7, 6), random(1, 4, 4, 4), random(1, 3, 3, 2, 4)
SAME1, SAME2, SAME3 = [(1, 1)], [(1, 1), (1, 1)], [(0, 1), (1, 1), (0, 1)]
DILATED = dict(padding=[(2, 2), (2, 2)], kernel_dilation=(2, 2))


def _nnx(what, x, window, options, prepare=lambda x: x, **geometry):
  make = functools.partial(nnx.Conv, x.shape[-1], 8, window, use_bias=False, **options)
  return of.nnx(what, make, x,
                rows=lambda p, x: oracle.patches(prepare(x), window, **geometry))


def _haiku(what, module, x, window, options, **geometry):
  forward = lambda x: module(8, window, with_bias=False, **options)(x)
  return of.haiku(what, forward, x,
                  rows=lambda p, x: oracle.patches(x, window, **geometry))


CASES = [
    _nnx('Conv, 1-D, causal', SIGNAL, (3,), {'padding': 'CAUSAL'}, padding=[(2, 0)]),
    _nnx('Conv, 3-D', BLOCK, (2, 3, 2), {}, padding=SAME3),
    _nnx('Conv, dilated', IMAGE, (3, 3), {'kernel_dilation': 2}, **DILATED),
    _nnx('Conv, groups', IMAGE, (3, 3), {'feature_group_count': 2}, padding=SAME2,
         groups=2),
    _nnx('Conv, circular', random(1, 3, 3, 4), (3, 3), {'padding': 'CIRCULAR'},
         lambda x: np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode='wrap')),
    _haiku('Conv1D', hk.Conv1D, SIGNAL, (3,), {}, padding=SAME1),
    _haiku('Conv3D', hk.Conv3D, BLOCK, (2, 3, 2), {}, padding=SAME3),
    _haiku('Conv2D, dilated', hk.Conv2D, IMAGE, (3, 3), {'rate': 2}, **DILATED),
    _haiku('Conv2D, groups', hk.Conv2D, IMAGE, (3, 3), {'feature_group_count': 2},
           padding=SAME2, groups=2),
]
