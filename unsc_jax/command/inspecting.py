"""`inspect`: where a network's parameters meet activations, and how much of them is free."""

import dataclasses
import pathlib

from unsc_jax import capture
from unsc_jax import moments
from unsc_jax import null_space
from unsc_jax.command import asked as asked_lib
from unsc_jax.command import checks


@dataclasses.dataclass(frozen=True)
class Inspect:
  """Print the sites of a network and, of a trained one, the room that data leave it."""
  network: str = 'unsc_jax.models:MLP'
  """module:name of a Network, a module of linen or NNX, or a function that returns one."""
  params: pathlib.Path | None = None
  """Trained parameters, a .npz file or an Orbax folder; without them sites alone."""
  data: str = 'digits'
  """digits, mnist, fashion_mnist, cifar10, cifar100, svhn_cropped, or a .npz file with x,
  y, x_test and y_test."""
  data_dir: pathlib.Path | None = None
  """Where images are, as published or as tfds keeps them; else they are fetched."""
  forget: tuple[int, ...] = ()
  """Classes that would be forgotten, and are no part of what is kept."""
  energy: float = .99
  """Share of the inputs' energy to protect in every layer."""
  examples: int = 2000
  """Training examples to take the moments of, at most."""

  def run(self) -> int:
    checks.check(self)
    dataset, network, params = asked_lib.read(self)
    kept = dataset.train.without(self.forget).spread(self.examples)
    if not len(kept):
      raise ValueError('no training example is of another class: name fewer with --forget.')
    print(capture.sites(network.fn, asked_lib.like(network, params), kept.x[:2]))
    if params is not None:
      batches = (kept.x[i:i + 256] for i in range(0, len(kept), 256))
      found = moments.accumulate(moments.input_moments(network.fn), params, batches)
      print(f'\n{self.energy:g} of the energy of {len(kept)} examples protected:')
      print(null_space.capacity(null_space.null_space_bases(found, self.energy)))
    return 0
