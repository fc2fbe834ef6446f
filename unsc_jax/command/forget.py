"""`forget`: UNSC on a network, its parameters, and what is left to see without retraining."""

import dataclasses
import time

from unsc_jax import methods
from unsc_jax.command import asked as asked_lib
from unsc_jax.storage import checkpoints

PARAMS = 'forgotten.npz'


@dataclasses.dataclass(frozen=True)
class Forget(asked_lib.Asked):
  """Forget by UNSC: prints a table, writes the new parameters, results and their page.

  Nothing is retrained, so that nothing is judged: `evaluate` does.
  """

  def run(self) -> int:
    task = asked_lib.task(self)  # before the page's libraries: what is wrong is told at once
    from unsc_jax import provenance
    from unsc_jax import study
    from unsc_jax.command import publish
    made = provenance.run()
    problem = task.problem()
    by_name = {'original': methods.original(), 'unsc': self.method}
    if problem.forget_classes:
      by_name['head_only'] = methods.head_only()
    run = study.networks(
        self.seed, problem, by_name, task.test, probe_epochs=self.probe_epochs)
    results = study.results(
        [run], by_name, None, made=made, config=self.told, experiment='forget',
        dataset=study.origin.data(problem, task.test, name=task.dataset.name,
                                  class_names=task.dataset.class_names))
    results = dataclasses.replace(
        results, wall_seconds=time.perf_counter() - task.begun)
    publish.publish(results, task.folder)
    checkpoints.save(task.folder / PARAMS, run.networks['unsc'].params)
    print(task.folder / PARAMS)
    return 0
