"""When a method has forgotten enough."""

import jax.numpy as jnp
import numpy as np
import pytest

from unsc_jax import problem
from unsc_jax.parts import stopping

NETWORK = problem.Network(lambda params, x: params['scale'] * x)
OF_LABEL = {0: [3., 2.], 1: [.5, .1, 0.]}  # how sure held-out examples make the network


def _examples(sure):
  """Logits `[s, 0]` or `[0, s]`, by the label."""
  x = [[s, 0.] if c == 0 else [0., s] for c, of in sure.items() for s in of]
  y = [c for c, of in sure.items() for _ in of]
  return problem.Examples(np.array(x, np.float32), np.array(y))


def _mean(of, scale=1.):
  return np.mean([1 / (1 + np.exp(-scale * s)) for s in of])


def _asked(**changes):
  return problem.Problem(
      NETWORK, {'scale': jnp.float32(2)}, _examples({0: [1.], 1: [1.]}),
      _examples({0: [4.], 1: [5., 6., 7.]}), 2, held_out=_examples(OF_LABEL), **changes)


@pytest.mark.parametrize(('before', 'scale'), [(None, 2.), ({'scale': jnp.float32(1)}, 1.)])
@pytest.mark.parametrize('short', [0., .1])
def test_the_limit_is_what_unseen_ones_of_the_labels_had_before_all_requests(
    before, scale, short):
  look = stopping.until_forgotten(.005, short=short)(_asked(before=before))
  unseen = (_mean(OF_LABEL[0], scale) + 3 * _mean(OF_LABEL[1], scale)) / 4
  now = _mean([4., 5., 6., 7.], 2.)
  assert look.limit == pytest.approx(unseen + short * (now - unseen), abs=1e-6)
