"""The networks of one seed: what every method makes of the original."""

from collections.abc import Mapping, Sequence
import dataclasses
import itertools
import warnings

import jax

from unsc_jax import evaluation
from unsc_jax import null_space
from unsc_jax import problem as problem_lib

RETRAIN = 'retrain'


@dataclasses.dataclass(frozen=True)
class Run:
  """The networks of one seed, by method.

  Attributes:
    seed: whose.
    setup: what they are measured with.
    networks: by method, `retrain` among them where one is of this very seed.
    further: more retrained networks by their numbers, each a row of its own.
  """
  seed: int
  setup: evaluation.Setup
  networks: Mapping[str, problem_lib.Unlearned]
  further: Mapping[int, problem_lib.Unlearned] = dataclasses.field(default_factory=dict)

  @property
  def keys(self) -> jax.Array:
    """Keys for training, forgetting and drawing."""
    return jax.random.split(self.setup.key, 3)

  @property
  def retrained(self) -> dict[int, problem_lib.Unlearned]:
    """All retrained networks by their numbers."""
    own = {self.seed: self.networks[RETRAIN]} if RETRAIN in self.networks else {}
    return {**own, **self.further}

  @property
  def confined(self) -> problem_lib.Unlearned | None:
    """The first network whose update was confined."""
    return next((one for one in self.networks.values() if one.bases is not None), None)

  @property
  def bases(self) -> null_space.Confinement | None:
    """What the first was confined to."""
    return None if self.confined is None else self.confined.bases

  def with_further(self, more: Sequence[problem_lib.Unlearned]) -> 'Run':
    """With more retrained networks, under numbers that no seed of a study has."""
    free = itertools.count(1000 * (self.seed + 1) + len(self.further))
    return dataclasses.replace(self, further={**self.further, **dict(zip(free, more))})


def networks(
    seed: int, problem: problem_lib.Problem, methods: Mapping[str, problem_lib.Method],
    test: problem_lib.Examples, *, retrained: Sequence[problem_lib.Params] = (),
    probe_epochs: float = 20,
) -> Run:
  """Lets every method forget, with one key.

  Retraining comes last, so that what another method refuses is known before.

  Args:
    seed: of the key.
    problem: what is to be forgotten. A checkpoint of its session keeps the state of every
      method, in a folder of its name.
    methods: by name.
    test: examples that the network has never seen.
    retrained: parameters of networks that are retrained already. The first is this
      seed's `retrain`; a method of that name is not run then.
    probe_epochs: of the linear probe.

  Returns:
    The networks, and what they are measured with.

  Warns:
    UserWarning: a method has met NaN or infinity, and has no network.
  """
  _, method_key, probe_key = jax.random.split(jax.random.key(seed), 3)
  session = problem.session
  ready = [problem_lib.Unlearned(problem.fn, params, {}, {}) for params in retrained]
  done = {RETRAIN: ready[0]} if ready else {}
  for name in sorted(methods, key=lambda name: name == RETRAIN):
    if name in done:
      continue
    asked = dataclasses.replace(problem, session=session.within(name))
    try:
      done[name] = methods[name](asked, method_key)
    except FloatingPointError as error:  # the others are worth having
      warnings.warn(f'{name} has no row for seed {seed}: {error}', stacklevel=2)
  order = [name for name in dict.fromkeys([*methods, RETRAIN]) if name in done]
  done = {name: done[name] for name in order}
  moments = next((one.moments for one in done.values() if one.moments is not None), None)
  # A state is of one loop, and measuring has many.
  measured = dataclasses.replace(
      problem, session=dataclasses.replace(session, checkpoint=None))
  setup = evaluation.Setup(measured, test, probe_key, moments, probe_epochs)
  return Run(seed, setup, done).with_further(ready[1:])
