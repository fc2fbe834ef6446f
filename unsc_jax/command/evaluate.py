"""`evaluate`: UNSC and other methods beside networks that are retrained."""

import dataclasses
import pathlib
import time

from unsc_jax.command import asked as asked_lib
from unsc_jax.command import checks
from unsc_jax.command import networks
from unsc_jax.storage import checkpoints


@dataclasses.dataclass(frozen=True)
class Evaluate(asked_lib.Asked):
  """Forget, retrain, and measure one beside the other: prints a table, writes a page."""
  methods: tuple[str, ...] = ()
  """Further methods, as unsc_jax.methods:salun: what they are called with no options."""
  references: int = 0
  """Further networks to retrain: from 3 on, the noise of a seed is told from a gap."""
  shadows: int = 0
  """Shadow originals to train, for U-LiRA, KLoM and the forgetting score; 3 or more."""
  retrained: pathlib.Path | None = None
  """Parameters of the retrained network, instead of retraining."""
  pictures: bool = True
  """Whether to draw feature maps, histograms and contours, which take a while."""

  def run(self) -> int:
    checks.check(self)  # before the page's libraries: what is wrong is told at once
    further = [networks.method(name) for name in self.methods]
    from unsc_jax import study
    from unsc_jax.command import publish
    study.check_shadows(self.shadows)
    by_name = {'unsc': self.method, **(study.named(further) if further else {})}
    task = asked_lib.task(self)
    ready = ()
    if self.retrained is not None:
      ready = (checkpoints.load(self.retrained, asked_lib.like(task.network, task.trained)),)
    can_retrain = task.network.init is not None
    results = study.evaluate(
        task.problem(), by_name, task.test, recipe=self.recipe if can_retrain else None,
        retrained=ready, references=self.references, shadows=self.shadows,
        probe_epochs=self.probe_epochs, pictures=self.pictures, name=task.dataset.name,
        class_names=task.dataset.class_names, seed=self.seed)
    results = dataclasses.replace(
        results, config={**results.config, **self.told},
        wall_seconds=time.perf_counter() - task.begun)
    publish.publish(results, task.folder)
    return 0
