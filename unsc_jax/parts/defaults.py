"""The optimiser that most published recipes use."""

import optax


def sgd(learning_rate: float = .01) -> optax.GradientTransformation:
  """SGD with momentum .9 and weight decay 5e-4."""
  return optax.chain(
      optax.add_decayed_weights(5e-4), optax.sgd(learning_rate, momentum=.9))
