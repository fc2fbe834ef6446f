"""Every method with the settings that a search may choose from.

Each grid holds the published kind of setting at scales that fit networks which
train in seconds to minutes: rates first, then what the method is most known to
hang on.
"""

from collections.abc import Callable, Mapping
import functools
import itertools
from typing import Any, NamedTuple

import numpy as np
import optax

from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax.parts import targets


class Candidate(NamedTuple):
  """One method and its grid: setting to the values it may take."""
  build: Callable[..., problem_lib.Method]
  grid: Mapping[str, tuple] = {}
  for_classes: bool = False  # it cannot forget single examples

  def settings(self, trials: int, seed: int) -> list[dict[str, Any]]:
    """The grid's points, or so many of them drawn by seed."""
    points = [dict(zip(self.grid, values))
              for values in itertools.product(*self.grid.values())]
    order = np.random.default_rng(seed).permutation(len(points))
    return [points[i] for i in sorted(order[:trials])]


def _sgd(rate):
  return optax.sgd(rate, momentum=.9)


def _clipped(rate):
  """For what climbs a loss that has no upper bound."""
  return optax.chain(optax.clip_by_global_norm(1.), optax.sgd(rate))


def _with(method, optimizer=_sgd, **fixed):
  """A factory that takes a learning rate instead of an optimiser."""
  return lambda rate, **given: method(optimizer(rate), **{**fixed, **given})


_RATES = (.003, .01, .03, .1)
_SLOW = (.0003, .001, .003, .01)
_ADAM = (1e-4, 3e-4, 1e-3, 3e-3)


def all_methods() -> dict[str, Candidate]:
  """Name, as in `unsc_jax.methods`, to its candidate; UNSC's ablations besides."""
  adam = optax.adam
  m = methods
  return {
      'fine_tune': Candidate(_with(m.fine_tune), {'rate': (.01, .03, .1, .3, .5)}),
      'cf_k': Candidate(
          _with(m.cf_k), {'rate': (.03, .1, .3, 1.), 'k': (1, 2)}),
      'eu_k': Candidate(_with(m.eu_k), {'rate': _RATES, 'k': (1, 2)}),
      'gradient_ascent': Candidate(
          _with(m.gradient_ascent, _clipped),
          {'rate': (.005, .01, .02, .05), 'steps': (25, 50)}),
      'neggrad_plus': Candidate(
          _with(m.neggrad_plus, _clipped, steps=100),
          {'rate': (.05, .1, .2), 'alpha': (.95, .98, .99)}),
      'random_label': Candidate(
          _with(m.random_label, adam), {'rate': _ADAM}),
      'boundary_shrink': Candidate(
          _with(m.boundary_shrink, steps=50),
          {'rate': _SLOW, 'bound': (.1, .5)}),
      'fisher_forgetting': Candidate(
          # Of more examples these would take most of the comparison's time.
          functools.partial(m.fisher_forgetting, examples=300),
          {'alpha': (1e-10, 1e-9, 3e-9, 1e-8, 1e-7), 'power': (1., .5)}),
      'l1_sparse': Candidate(
          _with(m.l1_sparse, steps=300),
          {'rate': (.03, .1), 'alpha': (3e-4, 1e-3, 3e-3)}),
      'influence': Candidate(  # as for Fisher
          functools.partial(m.influence, examples=300),
          {'alpha': (1., 2., 4.), 'damping': (.01, .03, .1)}),
      'bad_teacher': Candidate(
          _with(m.bad_teacher, adam), {'rate': _ADAM}),
      # As published for small networks.
      'scrub': Candidate(
          _with(m.scrub, adam, temperature=2., gamma=1., alpha=.5, rounds=10),
          {'rate': (5e-4, 1e-3, 2e-3), 'forget_rounds': (1, 2, 3)}),
      'delete': Candidate(
          _with(m.delete, steps=50), {'rate': _SLOW}),
      'unsir': Candidate(
          lambda impair, repair, repair_epochs: m.unsir(
              adam(impair), adam(repair), noise_copies=3, impair_epochs=2,
              repair_epochs=repair_epochs, batch_size=32),
          {'impair': (3e-3, 1e-2, 2e-2), 'repair': (1e-3, 3e-3, 1e-2),
           'repair_epochs': (1, 3)}, for_classes=True),
      'salun': Candidate(
          _with(m.salun),
          {'rate': (.001, .003, .01), 'share': (.3, .5), 'rounds': (5, 10)}),
      'ssd': Candidate(
          m.ssd, {'alpha': (1., 1.5, 2., 4., 10.), 'strength': (.1, .3, 1.)},
          for_classes=True),
      'pgu': Candidate(
          _with(m.pgu, optax.sgd),
          {'rate': (.03, .1, .3, 1.), 'share': (.7, .8, .9)}),
      'loft': Candidate(
          m.loft, {'rank': (9, 20, 40, 80), 'centred': (True, False)}, for_classes=True),
      'esc': Candidate(m.esc, {'share': (.003, .006, .01, .02)}, for_classes=True),
      'class_projection': Candidate(
          m.class_projection,
          {'alpha_retain': (30., 100., 1000.), 'alpha_forget': (3., 30.)}, for_classes=True),
      'dimensional_alignment': Candidate(
          _with(m.dimensional_alignment),
          {'rate': (.003, .01), 'weight': (.1, 1., 10.)}),
      'example_localization': Candidate(
          _with(m.example_localization),
          {'rate': (.015, .05), 'share': (.1, .3, .6)}),
      'scissorhands': Candidate(
          _with(m.scissorhands, steps=100),
          {'rate': (.003, .01), 'share': (.03, .1), 'weight': (.005, .02, .05)}),
      'partially_blinded': Candidate(
          _with(m.partially_blinded, adam),
          {'rate': (1e-4, 3e-4), 'gamma': (1., 6.), 'steps': (40, 60)}),
      'retention_masking': Candidate(
          _with(m.retention_masking),
          {'rate': (.01, .03, .1), 'share': (.3, .5)}),
      'unsc': _unsc(null_space.pooled),
      'unsc_merged': _unsc(null_space.merged),
      'unsc_sequential': _unsc(null_space.sequential),
      'unsc_random_label': _unsc(null_space.pooled, target=targets.random_labels()),
      'null_space_alignment': Candidate(
          lambda energy, steps: m.null_space_alignment(
              null_space.pooled(energy), steps=steps),
          {'energy': (.8, .9, .95), 'steps': (100, 200)}, for_classes=True),
  }


def _unsc(combine: Callable[[float], null_space.Combine], **fixed) -> Candidate:
  """UNSC with one way of combining classes, or with other labels."""
  return Candidate(
      lambda rate, energy, stop_below: methods.unsc(
          combine(energy), optax.adam(rate), stop_below=stop_below, **fixed),
      {'rate': (3e-4, 1e-3, 3e-3), 'energy': (.95, .97, .99),
       'stop_below': (.005, .02, .05)})
