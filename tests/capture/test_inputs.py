"""Features are what the layer was really given."""

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.capture import frameworks
from unsc_jax import capture
from unsc_jax import models
from unsc_jax import training


def _shapes(model, x):
  return jax.eval_shape(model.init, jax.random.key(0), x)


def test_head_inputs_times_head_are_the_logits():
  model = models.SmallCNN()
  x = np.random.default_rng(0).normal(size=(6, 8, 8, 1)).astype(np.float32)
  params = frameworks.fill(_shapes(model, x))
  apply = jax.jit(model.apply)
  path = capture.head_path(model.apply, params, x)
  assert path == 'params/fc2/kernel'
  z = np.asarray(jax.jit(capture.layer_inputs(model.apply, path))(params, x))
  head = jax.device_get(params['params']['fc2'])
  np.testing.assert_allclose(
      z @ head['kernel'] + head['bias'], apply(params, x), rtol=1e-5,
      atol=1e-5)


@pytest.mark.parametrize('path', ['params/conv1/kernel', 'params/fc2/bias', 'no'])
def test_only_dense_layers_have_such_features(path):
  model = models.SmallCNN()
  x = np.zeros((1, 8, 8, 1), np.float32)
  params = frameworks.fill(_shapes(model, x))
  with pytest.raises(ValueError, match='is not a dense layer that runs exactly'):
    capture.layer_inputs(model.apply, path)(params, x)


@pytest.mark.not_under('JAX_CHECK_TRACER_LEAKS', 'inputs leave the loop, and are then refused')
def test_a_layer_in_a_loop_is_refused():
  model = nn.RNN(nn.SimpleCell(3))
  x = np.zeros((2, 4, 5), np.float32)
  params = frameworks.fill(_shapes(model, x))
  with pytest.raises(ValueError, match='outside of loops'):
    capture.layer_inputs(model.apply, 'params/cell/i/kernel')(params, x)


def test_a_network_without_a_head_is_named():
  with pytest.raises(ValueError, match='no dense layer'):
    capture.head_path(lambda p, x: x + p['b'], {'b': jnp.ones(2)}, jnp.ones(2))


@pytest.mark.parametrize('n', [1, 7, 8, 9])
def test_predict_is_the_function_itself(n):
  fn = lambda w, x: jnp.tanh(x @ w)
  w, x = np.eye(3, 2, dtype=np.float32), np.random.default_rng(0).normal(size=(n, 3))
  np.testing.assert_allclose(
      training.predict(fn, w, x.astype(np.float32), batch_size=4),
      np.tanh(x @ w), atol=1e-6)
