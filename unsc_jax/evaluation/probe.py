"""Linear probe: does the representation still hold what was forgotten?

`N` examples, `d` features, `C` classes.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from unsc_jax import batching
from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import training
from unsc_jax.evaluation.metrics import accuracy
from unsc_jax.evaluation.metrics import checks
from unsc_jax.evaluation.metrics import estimate as estimate_lib


def _head(weights, features):
  return features @ weights['kernel'] + weights['bias']


def _falling_sgd(learning_rate, steps):
  return optax.sgd(optax.cosine_decay_schedule(learning_rate, steps), momentum=.9)


def linear_probe(
    train: problem_lib.Examples, test: problem_lib.Examples, num_classes: int,
    key: jax.Array, *, epochs: float = 20, learning_rate: float = .01,
    batch_size: int = 128, session: session_lib.Session = session_lib.DEFAULT,
) -> estimate_lib.Estimate:
  r"""Trains a fresh head on frozen features and tests it class by class.

  .. math:: \min_{W, b} \mathrm{CE}(z W + b, y) \quad \text{over all of the
    training set, forgotten classes and their true labels included}

  Good is what a retrained network's features give, which is far from chance:
  the features of a network that never saw a class still tell it apart. More
  than that is memory, less is damage.

  Args:
    train: features `[N, d]` and labels of the full training set.
    test: features and labels to score on.
    num_classes: `C`.
    key: of the order of batches.
    epochs: over `train`.
    learning_rate: of SGD with momentum .9, at the start; it falls to zero along a
      cosine.
    batch_size: examples a step.
    session: where to train.

  Returns:
    Estimate of arrays `[C]`: the test accuracy of every class, as of
    `per_class_accuracy`.

  Raises:
    DoesNotApply: there are no examples, or features are NaN or infinite.

  Example:
    >>> x = np.repeat(np.eye(2, dtype=np.float32), 50, 0)
    >>> data = problem_lib.Examples(x, np.repeat([0, 1], 50))
    >>> linear_probe(data, data, 2, jax.random.key(0)).value.tolist()
    [1.0, 1.0]

  Source: the protocol of Gao et al. (2026, arXiv 2604.08271), with a falling rate
  in the place of its early stopping. At a constant rate the last step decides how
  two similar classes share what lies between them: on FashionMNIST one class's
  figure moved by several points from seed to seed, with the falling rate by tenths.
  """
  train, test = (problem_lib.checked(examples, what, num_classes) for what, examples in (
      ('the training set', train), ('the test set', test)))
  for examples, name in ((train, 'train features'), (test, 'test features')):
    checks.features(examples.x, name)
  # Features of one scale, so that one learning rate serves every network.
  scale = np.sqrt(np.mean(np.square(train.x))) or 1.
  train, test = (e.replace(x=e.x / scale) for e in (train, test))
  weights = {'kernel': jnp.zeros((train.x.shape[1], num_classes)),
             'bias': jnp.zeros(num_classes)}
  steps = batching.steps_for(len(train), batch_size, epochs)
  order_key, key = jax.random.split(key)
  batches = batching.stream(train, batch_size, batching.seed_of(order_key))
  # Probes of all networks share a program.
  optimizer = _falling_sgd(learning_rate, steps)
  fitted = training.fit(
      training.classify(_head), optimizer, weights,
      itertools.islice(batches, steps), steps=steps, key=key,
      session=session, label='linear probe')
  return accuracy.per_class_accuracy(_head(fitted.params, test.x), test.labels)


def converged_probe(
    train: problem_lib.Examples, test: problem_lib.Examples
) -> estimate_lib.Estimate:
  r"""Fits the strongest linear head there is, and tests it class by class.

  Features are standardised and logistic regression runs until it converges, so that
  small features that tell a class count as much as large ones: what `linear_probe`
  finds in so many epochs is no more than this.

  Args:
    train: features `[N, d]` and labels of the full training set.
    test: features and labels to score on.

  Returns:
    Estimate of arrays `[C]`, `C` one more than the largest label: the test accuracy
    of every class.

  Raises:
    ImportError: scikit-learn is missing.

  Example:
    >>> x = np.repeat(np.eye(2, dtype=np.float32), 50, 0)
    >>> data = problem_lib.Examples(x, np.repeat([0, 1], 50))
    >>> converged_probe(data, data).value.tolist()
    [1.0, 1.0]

  Source: scikit-learn's logistic regression, L2 penalty 1.
  """
  from sklearn import linear_model
  from sklearn import pipeline
  from sklearn import preprocessing
  head = pipeline.make_pipeline(
      preprocessing.StandardScaler(), linear_model.LogisticRegression(max_iter=300))
  head.fit(train.x, train.y)
  logits = np.full((len(test), 1 + max(train.y.max(), test.y.max())), -np.inf)
  logits[:, head.classes_] = head.predict_proba(test.x)
  return accuracy.per_class_accuracy(logits, test.y)
