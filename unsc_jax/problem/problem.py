"""What a method is given, and what it gives back.

`N` examples, `C` classes; what an input looks like is the network's affair.
"""

from collections.abc import Callable
import dataclasses
import functools
from typing import NamedTuple

import jax
import numpy as np

from unsc_jax import moments as moments_lib
from unsc_jax import null_space
from unsc_jax import session as session_lib
from unsc_jax import storage
from unsc_jax.problem import checks
from unsc_jax.problem import classes as classes_lib
from unsc_jax.problem import examples as examples_lib
from unsc_jax.problem import network as network_lib
from unsc_jax.problem import trainable as trainable_lib

Examples = examples_lib.Examples
Params = network_lib.Params


@dataclasses.dataclass(frozen=True)
class Problem:
  """A trained network, and which of its training data to forget.

  Attributes:
    network: how to evaluate and train it.
    params: the trained parameters.
    retain: training examples whose influence stays. Labels are integers `[N]` or
      probabilities `[N, C]`; what can only mean one of these is taken as such.
    forget: training examples whose influence goes.
    num_classes: `C`, as many as the network has outputs.
    forget_classes: the classes that `forget` is the whole of, if it is one of
      whole classes; empty for a request of single examples.
    held_out: examples of all classes that the network was not trained on, for
      targets that need to know how it speaks of the unseen. Never test data.
    session: where and how methods run; a checkpoint in it is of one method and
      one key.
    forgotten: the classes of earlier requests. What was forgotten stays forgotten:
      no example is told to say them, and no measure counts them. Nor does any
      count a class without examples, whether it is named here or was never there.
    before: the parameters before all earlier requests, which tell how the network
      speaks of the unseen: request by request it would speak worse of them, and what
      is forgotten next would follow. By default there were none.

  Raises:
    ValueError: either set is empty, a class to forget or one forgotten before has
      examples to retain, or network, inputs and labels do not fit one another.
  """
  network: network_lib.Network
  params: Params
  retain: Examples
  forget: Examples
  num_classes: int
  forget_classes: tuple[int, ...] = ()
  held_out: Examples | None = None
  session: session_lib.Session = session_lib.DEFAULT
  forgotten: tuple[int, ...] = ()
  before: Params | None = None

  def __post_init__(self):
    checks.classifier(self.network, self.num_classes)
    for name in ('forget_classes', 'forgotten'):
      object.__setattr__(self, name, classes_lib.numbers(
          getattr(self, name), f'the {name}', self.num_classes))
    for name, examples in self._sets().items():
      object.__setattr__(self, name, self.checked(examples, f'the {name} set'))
    if any(examples.y.ndim == 2 for examples in self._sets().values()):
      for name, examples in self._sets().items():  # methods put sets together
        object.__setattr__(self, name, checks.as_probabilities(examples, self.num_classes))
    if not len(self.forget):
      raise ValueError('the forget set is empty: name what is to be forgotten.')
    if not len(self.retain):
      raise ValueError(
          'nothing is left to retain: forgetting everything needs no method, '
          'only a new network.')
    checks.outputs(self.fn, self.params, self.retain.x, self.num_classes)
    for name, examples in self._sets().items():
      checks.alike(examples, f'the {name} set', self.retain)
    if self.before is not None:
      checks.same_parameters(self.before, self.params)
    self._check_classes()

  def _sets(self) -> dict[str, Examples]:
    sets = {'retain': self.retain, 'forget': self.forget, 'held_out': self.held_out}
    return {name: examples for name, examples in sets.items() if examples is not None}

  def checked(self, examples: Examples, what: str) -> Examples:
    """The examples, if they are of this network's kind; see `checks.checked`."""
    return checks.checked(examples, what, self.num_classes)

  def _check_classes(self):
    """Raises unless what is forgotten and what is retained are apart."""
    both = np.intersect1d(self.retain.labels, self.forget_classes)
    if both.size:
      raise ValueError(
          f'class {both[0]} is to be forgotten and has examples to retain; '
          'use `split_classes`, or leave forget_classes empty.')
    others = np.setdiff1d(self.forget.labels, self.forget_classes)
    if self.forget_classes and others.size:
      raise ValueError(
          f'the forget set has examples of class {others[0]}, which forget_classes '
          'does not name; name it too, or leave forget_classes empty for a request '
          'of single examples.')
    for name, examples in self._sets().items():
      for back in np.intersect1d(examples.labels, self.forgotten)[:1]:
        raise ValueError(
            f'class {back} was forgotten before and is in the {name} set; leave its '
            f'examples out with `examples.without([{back}])`, or take it from '
            '`forgotten`.')

  @property
  def fn(self) -> Callable[[Params, jax.Array], jax.Array]:
    return self.network.fn

  @property
  def trainable(self) -> trainable_lib.Among:
    """Tells by path which leaves may move: floating ones that the network trains."""
    return trainable_lib.of(self.network.trainable, self.params)

  @property
  def original(self) -> Params:
    """The parameters before all requests."""
    return self.params if self.before is None else self.before

  @property
  def retain_classes(self) -> tuple[int, ...]:
    """The classes that have examples to retain."""
    return _present(self.retain)

  @property
  def classes(self) -> tuple[int, ...]:
    """The classes that have examples, to retain or to forget."""
    return tuple(sorted({*_present(self.retain), *_present(self.forget)}))

  @property
  def answers(self) -> tuple[int, ...]:
    """The classes that a forget example may be told to say.

    Those that remain; where single examples go, theirs as well.
    """
    return tuple(c for c in self.classes if c not in self.forget_classes)

  @property
  def gone(self) -> tuple[int, ...]:
    """The classes that neither set has: forgotten before, or never there."""
    return tuple(sorted({*range(self.num_classes)} - {*self.classes}))

  def identity(self) -> dict[str, str]:
    """Hashes of inputs, labels and parameters; reads all of them, once."""
    return self._identity

  @functools.cached_property
  def _identity(self) -> dict[str, str]:
    sets = self._sets().values()
    return {'inputs': storage.fingerprint([examples.x for examples in sets]),
            'labels': storage.fingerprint([examples.y for examples in sets]),
            'parameters': storage.fingerprint(
                self.params if self.before is None else [self.params, self.before])}


class Unlearned(NamedTuple):
  """What a method gives back.

  Attributes:
    fn: `(params, x) -> logits`; the problem's own, unless the method changes
      the network and not its weights.
    params: the new parameters.
    history: what was recorded, name to `[steps]`.
    seconds: wall time by phase.
    moments: of the retained inputs, where the method took them.
    bases: what the update was confined to, where it was.
  """
  fn: Callable[[Params, jax.Array], jax.Array]
  params: Params
  history: dict[str, np.ndarray]
  seconds: dict[str, float]
  moments: moments_lib.Moments | None = None
  bases: null_space.Confinement | None = None


Method = Callable[[Problem, jax.Array], Unlearned]


def _present(examples: Examples) -> tuple[int, ...]:
  return tuple(map(int, np.unique(examples.labels)))
