"""Every method with the settings that a search may choose from.

Each grid holds the published kind of setting at scales that fit networks which
train in seconds to minutes: rates first, then what the method is most known to
hang on.
"""

from collections.abc import Callable, Mapping
import dataclasses
import itertools
from typing import Any

import numpy as np

from experiments import ablations
from experiments import settings as settings_lib
from experiments import some_layers
from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax.parts import targets


@dataclasses.dataclass(frozen=True)
class Candidate:
  """One method and its grid.

  Attributes:
    method: makes the method; takes its ways to combine classes and its optimisers
      first.
    grid: setting to the values it may take. An `energy` makes a way to combine, a
      `tau` one that damps, `rate`, `impair` and `repair` an optimiser each.
    fixed: settings that are not searched for.
    optimizer: its name in `settings.OPTIMIZERS`.
    combine: from an energy to a way of combining classes.
    whole_classes: whether it cannot forget single examples.
  """
  method: Callable[..., problem_lib.Method]
  grid: Mapping[str, tuple] = dataclasses.field(hash=False)
  fixed: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)
  optimizer: str = 'momentum'
  combine: Callable[[float], null_space.Combine] = null_space.pooled
  whole_classes: bool = False

  def settings(self, trials: int, seed: int) -> list[dict[str, Any]]:
    """The grid's points, or so many of them drawn by seed."""
    points = [dict(zip(self.grid, values))
              for values in itertools.product(*self.grid.values())]
    order = np.random.default_rng(seed).permutation(len(points))
    return [points[i] for i in sorted(order[:trials])]

  def build(self, settings: Mapping[str, Any]) -> problem_lib.Method:
    """The method at one point of the grid."""
    optimizer = settings_lib.OPTIMIZERS[self.optimizer]
    makes = {'energy': self.combine, 'tau': _damped, 'rate': optimizer,
             'impair': optimizer, 'repair': optimizer}
    made = [make(settings[name]) for name, make in makes.items() if name in settings]
    rest = {name: value for name, value in settings.items() if name not in makes}
    return self.method(*made, **self.fixed, **rest)


def _damped(tau: float) -> null_space.Combine:
  return null_space.pooled(null_space.soft(tau))


_RATES = (.003, .01, .03, .1)
_SLOW = (.0003, .001, .003, .01)
_ADAM = (1e-4, 3e-4, 1e-3, 3e-3)
_LONG = {'steps': 200}
_ALL = {'stop_below': -1.}  # steps: that many are part of the search
_FEW = {'examples': 300}  # more would take most of the comparison's time
_UNSC = {'rate': (3e-4, 1e-3, 3e-3), 'stop_below': (.005, .02, .05)}
_HARD = {**_UNSC, 'energy': (.95, .97, .99)}
_SOFT = {**_UNSC, 'tau': (3e-4, 1e-3, 3e-3)}
# By SGD with momentum, which moves less than Adam.
_GENTLE = {'rate': (.02, .05), 'stop_below': (.005, .02), 'tau': (1e-4, 3e-4, 1e-3)}
# The cut with the optimiser that it was published with.
_PLAIN = {'rate': (.03, .1, .3), 'stop_below': (.005, .02, .05), 'energy': (.95, .97, .99)}

# By name, as in `unsc_jax.methods`; besides UNSC with the published cut, and what of that
# is replaced.
CANDIDATES = {
    'fine_tune': Candidate(
        methods.fine_tune, {'rate': (.01, .03, .1, .3, .5)}, _LONG),
    'cf_k': Candidate(
        methods.cf_k, {'rate': (.03, .1, .3, 1.), 'k': (1, 2)}, _LONG),
    'eu_k': Candidate(methods.eu_k, {'rate': _RATES, 'k': (1, 2)}, _LONG),
    'gradient_ascent': Candidate(
        methods.gradient_ascent,
        {'rate': (.005, .01, .02, .05), 'steps': (25, 50)}, _ALL, 'clipped'),
    'neggrad_plus': Candidate(
        methods.neggrad_plus, {'rate': (.05, .1, .2), 'alpha': (.95, .98, .99)},
        {'steps': 100, **_ALL}, 'clipped'),
    'random_label': Candidate(
        methods.random_label, {'rate': _ADAM}, _LONG, 'adam'),
    'boundary_shrink': Candidate(
        methods.boundary_shrink, {'rate': _SLOW, 'bound': (.1, .5)}, {'steps': 50}),
    'fisher_forgetting': Candidate(
        methods.fisher_forgetting,
        {'alpha': (1e-10, 1e-9, 3e-9, 1e-8, 1e-7), 'power': (1., .5)}, _FEW),
    'l1_sparse': Candidate(
        methods.l1_sparse, {'rate': (.03, .1), 'alpha': (3e-4, 1e-3, 3e-3)},
        {'steps': 300}),
    'influence': Candidate(
        methods.influence, {'alpha': (1., 2., 4.), 'damping': (.01, .03, .1)}, _FEW),
    'bad_teacher': Candidate(
        methods.bad_teacher, {'rate': _ADAM}, _LONG, 'adam'),
    'scrub': Candidate(
        methods.scrub, {'rate': (5e-4, 1e-3, 2e-3), 'forget_rounds': (2, 3)},
        # As published for small networks.
        {'temperature': 2., 'gamma': 1., 'alpha': .5, 'rounds': 10}, 'adam'),
    'delete': Candidate(methods.delete, {'rate': _SLOW}, {'steps': 50}),
    'unsir': Candidate(
        methods.unsir,
        {'impair': (3e-3, 1e-2, 2e-2), 'repair': (1e-3, 3e-3, 1e-2),
         'repair_epochs': (1, 3)},
        {'noise_copies': 3, 'impair_epochs': 2, 'batch_size': 32}, 'adam',
        whole_classes=True),
    'salun': Candidate(
        methods.salun,
        {'rate': (.001, .003, .01), 'share': (.3, .5), 'rounds': (5, 10)}),
    'ssd': Candidate(
        methods.ssd, {'alpha': (3., 5., 10., 20., 40.), 'strength': (.1, .3, 1.)},
        whole_classes=True),
    'pgu': Candidate(
        methods.pgu, {'rate': (.03, .1, .3, 1.), 'share': (.7, .8, .9)},
        {'steps': 100, **_ALL}, 'sgd'),
    'loft': Candidate(
        methods.loft, {'rank': (9, 20, 40, 80), 'centred': (True, False)},
        whole_classes=True),
    'esc': Candidate(
        methods.esc, {'share': (.003, .006, .01, .02)}, whole_classes=True),
    'class_projection': Candidate(
        methods.class_projection,
        {'alpha_retain': (30., 100., 1000.), 'alpha_forget': (3., 30.)},
        whole_classes=True),
    'dimensional_alignment': Candidate(
        methods.dimensional_alignment, {'rate': (.003, .01), 'weight': (.1, 1., 10.)}),
    'example_localization': Candidate(
        methods.example_localization, {'rate': (.015, .05), 'share': (.1, .3, .6)},
        {'steps': 300}),
    'scissorhands': Candidate(
        methods.scissorhands,
        {'rate': (.003, .01), 'share': (.03, .1), 'weight': (.02, .05, .1)},
        {'epochs': 10}),
    'partially_blinded': Candidate(
        methods.partially_blinded,
        {'rate': (1e-4, 3e-4), 'gamma': (1., 6.), 'steps': (40, 60)}, _ALL, 'adam'),
    'orthograd': Candidate(
        methods.orthograd,
        {'rate': (.02, .05, .1), 'alpha': (.5, .8), 'steps': (20, 50)}, _ALL, 'clipped'),
    'min_norm_og': Candidate(
        methods.min_norm_og,
        {'rate': (3e-4, 1e-3, 3e-3), 'strength': (.03, .1, .3), 'decay': (.4, .8)},
        optimizer='adam'),
    'msg': Candidate(
        methods.msg, {'rate': (.01, .03, .1), 'share': (.3, .5, .7)}),
    'uam': Candidate(
        methods.uam, {'rate': (.03, .05, .1), 'radius': (.3, 1., 2.)}, {'epochs': 40}),
    'regun': Candidate(
        methods.regun, {'rate': (.003, .01, .03), 'retain_weight': (.3, .5, .7)}),
    'retention_masking': Candidate(
        methods.retention_masking, {'rate': (.01, .03, .1), 'share': (.3, .5)},
        _LONG),
    'unsc': Candidate(methods.unsc, _SOFT, optimizer='adam'),
    'unsc_hard': Candidate(methods.unsc, _HARD, optimizer='adam'),
    'unsc_merged': Candidate(
        methods.unsc, _HARD, optimizer='adam', combine=null_space.merged),
    'unsc_sequential': Candidate(
        methods.unsc, _HARD, optimizer='adam', combine=null_space.sequential),
    'unsc_random_label': Candidate(
        methods.unsc, _HARD, {'target': targets.random_labels()}, 'adam'),
    'null_space_alignment': Candidate(
        methods.null_space_alignment,
        {'tau': (3e-4, 1e-3, 3e-3), 'steps': (100, 200)}, whole_classes=True),
}

_256_IMAGES = {'moments_examples': 256}  # about as many as the published code takes

# Of single tables, which name them.
ABLATIONS = {
    'unsc_few_images': Candidate(methods.unsc, _SOFT, _256_IMAGES, 'adam'),
    'unsc_hard_few_images': Candidate(methods.unsc, _HARD, _256_IMAGES, 'adam'),
    'unsc_projects_gradients': Candidate(
        ablations.unsc_projects_gradients, _SOFT, optimizer='adam'),
    'unsc_momentum': Candidate(methods.unsc, _GENTLE),
    'unsc_hard_sgd': Candidate(methods.unsc, _PLAIN, {'steps': 400}, 'sgd'),
    'unsc_last_four': Candidate(some_layers.unsc_on_the_last_four, _GENTLE),
    'unsc_hard_last_four': Candidate(
        some_layers.unsc_on_the_last_four, _PLAIN, {'steps': 400}, 'sgd'),
    # Shares of the features as in the published settings, from nine classes in ten to
    # single examples.
    'loft_scaled': Candidate(
        methods.loft, {'rank': (.023, .13, .24, .33), 'centred': (True, False)},
        whole_classes=True),
}
ALL = {**CANDIDATES, **ABLATIONS}
