"""Networks on the digits of which one knows what they are, and what is measured of them."""

import dataclasses
import functools

import jax
import optax

from unsc_jax import data as data_lib
from unsc_jax import evaluation
from unsc_jax import methods
from unsc_jax import models
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.evaluation.shadows import ensembles as ensembles_lib
from unsc_jax.evaluation.shadows import shadow

FORGET = 3
FEW = training.Recipe(lambda steps: optax.adam(2e-3), epochs=8, batch_size=64)
MANY = training.Recipe(
    lambda steps: optax.adam(optax.cosine_decay_schedule(2e-3, steps)), 30, 64)
# Over-unlearning: the loss of the class driven up until all else suffers.
KINDS = {'original': methods.original(), 'head_only': methods.head_only(),
         'damaged': methods.gradient_ascent(optax.adam(1e-2), steps=40)}


@dataclasses.dataclass(frozen=True)
class Networks:
  """Retrained networks, and what they say of `KINDS`."""
  setup: evaluation.Setup
  retrained: list[problem_lib.Unlearned]
  ensembles: ensembles_lib.Ensembles | None = None

  @functools.cached_property
  def rows(self) -> dict[str, evaluation.Measured]:
    """By network: `r0` … are retrained, each beside the others."""
    known = [evaluation.reference(self.setup, one) for one in self.retrained]
    rows = {f'r{i}': evaluation.measure(
        self.setup, one, references=[*known[:i], *known[i + 1:]])
            for i, one in enumerate(self.retrained)}
    return rows | {kind: evaluation.measure(
        self.setup, method(self.setup.problem, jax.random.key(2)), references=known[1:])
                   for kind, method in KINDS.items()}

  def gap(self, name: str, of: str) -> evaluation.Gap:
    """The gap of a metric to retrained networks, as pages show it."""
    def estimate(measured):
      value = measured.metrics[name]
      return evaluation.Estimate(value, *measured.intervals.get(name, (value, value)))
    return evaluation.gap(estimate(self.rows[of]), [
        estimate(self.rows[f'r{i}']) for i in range(len(self.retrained)) if f'r{i}' != of])


def _request(data: data_lib.Dataset) -> problem_lib.Problem:
  """To forget a class; of a fresh network."""
  network = models.from_linen(models.MLP(), (8, 8, 1))
  return problem_lib.Problem(network, network.init(jax.random.key(0)),
                             *problem_lib.split_classes(data.train, [FORGET]), 10, (FORGET,))


@functools.cache
def few() -> Networks:
  """Four retrained networks, trained one by one."""
  data = data_lib.load('digits')
  asked = _request(data)
  asked = dataclasses.replace(asked, params=training.train(
      asked.network, data.train, FEW, jax.random.key(0)).params)
  return Networks(
      evaluation.Setup(asked, data.test, jax.random.key(1), probe_epochs=3),
      [methods.retrain(FEW)(asked, jax.random.key(seed)) for seed in range(1, 5)])


@functools.cache
def many() -> Networks:
  """Six retrained networks, and ensembles, trained side by side: half a minute."""
  data = data_lib.load('digits')
  asked = _request(data)
  trained = ensembles_lib.train(asked, MANY, jax.random.key(0), originals=4, retrained=8)
  asked = dataclasses.replace(asked, params=shadow.member(trained.originals, 0))
  return Networks(
      evaluation.Setup(asked, data.test, jax.random.key(1), probe_epochs=5),
      ensembles_lib.members(asked, trained.retrained)[:6], trained)
