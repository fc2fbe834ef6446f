"""Convolutions of NNX and Haiku: what their own arguments make of the geometry."""

from flax import nnx
import haiku as hk
import numpy as np

from tests.capture import case as case_lib
from tests.capture import frameworks
from tests.capture import oracle

random = case_lib.random
SIGNAL = random(1, 7, 6)
IMAGE = random(1, 4, 4, 4)
BLOCK = random(1, 3, 3, 2, 4)
SAME2 = [(1, 1), (1, 1)]


def _row(what, framework, network, path, window, prepare=lambda x: x, **geometry):
  rows = lambda p, x: {path: oracle.patches(prepare(x), window, **geometry)}
  return case_lib.Case(what, 'Convolutions', framework, network, rows=rows)


def of_nnx(what, x, features, window, prepare=lambda x: x, options=None, **geometry):
  model = lambda: frameworks.nnx_model(nnx.Conv(
      x.shape[-1], features, window, use_bias=False, rngs=nnx.Rngs(0),
      **options or {}), x)
  return _row(what, 'NNX', model, 'kernel', window, prepare, **geometry)


def of_haiku(what, module, x, window, options=None, **geometry):
  forward = lambda x: module(8, window, with_bias=False, **options or {})(x)
  path = {hk.Conv1D: 'conv1_d', hk.Conv2D: 'conv2_d', hk.Conv3D: 'conv3_d'}[module]
  return _row(what, 'Haiku', lambda: frameworks.haiku(forward, x), f'{path}/w', window,
              **geometry)


CASES = [
    of_nnx('Conv, 1-D, causal', SIGNAL, 8, (3,), options={'padding': 'CAUSAL'},
           padding=[(2, 0)]),
    of_nnx('Conv, 3-D', BLOCK, 8, (2, 3, 2), padding=[(0, 1), (1, 1), (0, 1)]),
    of_nnx('Conv, dilated', IMAGE, 8, (3, 3), options={'kernel_dilation': 2},
           padding=[(2, 2), (2, 2)], kernel_dilation=(2, 2)),
    of_nnx('Conv, groups', IMAGE, 8, (3, 3), options={'feature_group_count': 2},
           padding=SAME2, groups=2),
    of_nnx('Conv, circular', random(1, 3, 3, 4), 8, (3, 3), lambda x: np.pad(
        x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode='wrap'),
           options={'padding': 'CIRCULAR'}),
    of_haiku('Conv1D', hk.Conv1D, SIGNAL, (3,), padding=[(1, 1)]),
    of_haiku('Conv3D', hk.Conv3D, BLOCK, (2, 3, 2), padding=[(0, 1), (1, 1), (0, 1)]),
    of_haiku('Conv2D, dilated', hk.Conv2D, IMAGE, (3, 3), options={'rate': 2},
             padding=[(2, 2), (2, 2)], kernel_dilation=(2, 2)),
    of_haiku('Conv2D, groups', hk.Conv2D, IMAGE, (3, 3),
             options={'feature_group_count': 2}, padding=SAME2, groups=2),
]
