"""ESC and class projection against singular value decompositions in numpy."""

import jax
import numpy as np
import pytest

from unsc_jax import methods

KEY = jax.random.key(0)


@pytest.mark.parametrize(('share', 'k'), [(.01, 1), (.4, 2)])
def test_esc_drops_the_leading_forget_directions(toy, ref, share, k):
  params = ref.params(toy)
  u = np.linalg.svd(ref.hidden(params, toy.forget.x).T)[0][:, k:]
  params['b']['kernel'] = u @ u.T @ params['b']['kernel']
  ref.assert_close(methods.esc(share)(toy, KEY).params, params, 1e-3)


def test_class_projection_of_every_layer(toy, ref):
  params = ref.params(toy)
  new = jax.tree.map(np.copy, params)

  def span(rows, alpha):
    u, s, _ = np.linalg.svd(np.asarray(rows, np.float64).T)
    s = np.pad(s, (0, len(u) - len(s)))**2
    s = s / s.sum()
    return u @ np.diag(alpha * s / ((alpha - 1) * s + 1)) @ u.T

  for name, read in (('a', lambda x: x), ('b', lambda x: ref.hidden(params, x))):
    retain, forget = span(read(toy.retain.x), 10.), span(read(toy.forget.x), 3.)
    P = np.eye(len(retain)) - (forget - forget @ retain)
    # The code's W P^T with W [out, in] is P W with W [in, out].
    new[name]['kernel'] = (params[name]['kernel'].T @ P.T).T
  done = methods.class_projection(10., 3.)(toy, KEY)
  ref.assert_close(done.params, new, 1e-3)
