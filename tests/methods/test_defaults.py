"""Every method, as it is called without a word, does what it is for on small networks.

On the digits' MLP: less than a tenth of the class is left of its training images, and
at least nine of ten test images of the rest are answered right; a retrained network has
0 and .98. Fine-tuning of a network, or of its head, forgets by chance, and little.
"""

import dataclasses
import pathlib
import re

import jax
import optax
import pytest

from tests import rows
from unsc_jax import methods
from unsc_jax import models
from unsc_jax import parts
from unsc_jax import training

BY_CHANCE = {'cf_k', 'fine_tune'}
# Whose corner in test_corners.py is reached by the same call.
ELSEWHERE = {'class_projection', 'esc', 'head_only', 'lower_logits', 'null_space_alignment',
             'original', 'retrain', 'unsc'}
NEEDED = {'loft': 16}  # directions to keep: a quarter of the features


# A loss of the forget set alone, one of both sets, layers drawn anew, an edit. The others'
# equations are held by their own tests in every run, these calls in long ones.
DAILY = {'delete', 'eu_k', 'neggrad_plus', 'ssd'}


@pytest.mark.parametrize('name', rows.daily(sorted({*methods.__all__} - ELSEWHERE), DAILY))
def test_forgets_and_keeps_the_rest(name, problem, accuracies):
  needed = [NEEDED[name]] if name in NEEDED else []
  method = getattr(methods, name)(*needed)
  forgotten, kept = accuracies(method(problem, jax.random.key(1)))
  assert kept > .9
  assert forgotten < .1 or name in BY_CHANCE


@pytest.fixture(scope='module')
def of_convolutions(problem, digits):
  """The same request of a small convolutional network."""
  network = models.from_linen(models.SmallCNN(), (8, 8, 1))
  schedule = lambda steps: optax.adam(optax.cosine_decay_schedule(2e-3, steps))
  params = training.train(
      network, digits.train, training.Recipe(schedule, 20, 64), jax.random.key(0)).params
  return dataclasses.replace(problem, network=network, params=params)


@pytest.mark.slow
@pytest.mark.parametrize('name', ['msg', 'orthograd', 'regun'])
def test_a_network_of_convolutions_forgets_too(name, of_convolutions, accuracies):
  forgotten, kept = accuracies(getattr(methods, name)()(of_convolutions, jax.random.key(1)))
  assert kept > .94  # of .99
  assert forgotten < .05


def test_published_settings_can_be_had():
  page = (pathlib.Path(__file__).parents[2] / 'docs' / 'methods.md').read_text()
  block = page.partition('<!-- recipes -->')[2].partition('<!-- /recipes -->')[0]
  calls = re.findall(r'`(methods\.[^`]*)`', block)
  assert len(calls) > 15
  for call in calls:
    assert callable(eval(call, {'methods': methods, 'optax': optax, 'parts': parts}))
