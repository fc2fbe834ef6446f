"""The check that a measure can tell a method from a mere mask."""

import numpy as np

from unsc_jax.evaluation.metrics import control
from unsc_jax.evaluation.metrics import estimate as estimate_lib


def test_a_tie_is_a_difference_within_what_seeds_do():
  rng = np.random.default_rng(0)
  references = list(rng.normal(.5, .02, (5, 3000)))
  same = rng.normal(.5, .02, (2, 3000))
  # Two draws differ by sqrt(2) of the noise, the band is made for sqrt(1.2).
  assert np.mean(control.ties(same[0], same[1], references)) > .9
  for shift in (.3, -.3):
    assert np.mean(control.ties(same[0], same[1] + shift, references)) < .01


def test_one_retrained_network_gives_the_images_error():
  wilson = lambda k: estimate_lib.wilson(k, 1000)
  tie = lambda k: bool(control.ties(wilson(0), wilson(k), [wilson(0)]))
  assert tie(0)
  assert tie(2)
  assert not tie(60)


def test_only_measures_that_all_have_are_looked_at():
  rows = [{'a': .1 * i, 'b': .5, 'c': 1.} for i in range(3)]
  rows[1].pop('c')
  blind = control.blind_measures({'a': .1, 'b': .6, 'c': 1., 'd': 0.},
                                 {'a': .15, 'b': .5, 'c': 1., 'd': 0.}, rows)
  assert blind == ['a']
