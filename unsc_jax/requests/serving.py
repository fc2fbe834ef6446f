"""What a request does to a network: a pure function of the samples to be forgotten.

  retained = stored - forgotten

The moments of what remains come of the stored ones by subtraction, and the steps are
UNSC's, confined to what these moments leave free. No retained example is read.
"""

from collections.abc import Iterable, Iterator, Mapping
import dataclasses
import functools
import time
from typing import Any, NamedTuple, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import batching
from unsc_jax import methods
from unsc_jax import moments as moments_lib
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import sharding
from unsc_jax.requests import choices as choices_lib

ALL = 'all'  # the name of the moments of all labels together

ByLabel = dict[str, moments_lib.Moments]


@dataclasses.dataclass(frozen=True)
class Model:
  """The network that a store holds, before a request.

  Attributes:
    network: how to evaluate it.
    enrolled: its parameters at enrolment, with which all moments are taken.
    params: its parameters now.
    moments: of what it retains, by label, or all under `ALL`.
    counts: how many examples it retains of every label.
    forgotten: the classes of earlier requests.
  """
  network: problem_lib.Network
  enrolled: Any
  params: Any
  moments: ByLabel
  counts: Mapping[int, int]
  forgotten: tuple[int, ...] = ()


class Served(NamedTuple):
  """What a request leaves.

  Attributes:
    params: the new parameters.
    moments: of what is retained now, those that are new.
    unchanged: the names of those that are not.
    retained: the sum of all of them.
    bases: what the steps were confined to.
    rounding: the share of a layer's moments that float32 may have lost in all
      subtractions since enrolment, at most.
    history: of the steps.
    seconds: by phase.
  """
  params: Any
  moments: ByLabel
  unchanged: tuple[str, ...]
  retained: moments_lib.Moments
  bases: null_space.Confinement
  rounding: float
  history: dict[str, np.ndarray]
  seconds: dict[str, float]


def serve(
    model: Model, forget: problem_lib.Examples, taken: Mapping[int, int],
    whole: tuple[int, ...], choices: choices_lib.Choices, number: int, *,
    held_out: problem_lib.Examples | None = None,
    session: session_lib.Session = session_lib.DEFAULT,
) -> Served:
  """Forgets examples.

  Args:
    model: before.
    forget: the examples to be forgotten, in an order of their own.
    taken: how many of every label go; of whole classes more may go than are given.
    whole: the classes of which all goes.
    choices: how.
    number: of the request, by which its draws differ from those of others.
    held_out: examples that the network never saw; needed where single ones go.
    session: where to run.

  Returns:
    What is to be kept of it.

  Raises:
    ValueError: nothing would remain, or single examples are to be forgotten and
      `held_out` lacks examples of their labels.
  """
  counts = {c: n - taken.get(c, 0) for c, n in model.counts.items()}
  counts = {c: n for c, n in counts.items() if n}
  if not counts:
    raise ValueError(
        'nothing would remain: forgetting everything needs no request, only a new network.')
  started = time.perf_counter()
  moments, unchanged = _less(model, forget, whole, counts, choices, session)
  retained = total([*moments.values(), *(model.moments[name] for name in unchanged)])
  bases = jax.block_until_ready(choices.filter(retained))
  seconds = time.perf_counter() - started
  problem = problem_lib.Problem(
      model.network, model.params, _absent(forget.x, counts), forget,
      num_classes(model.network, model.params, forget.x), whole,
      held_out=held_out,
      session=dataclasses.replace(session, checkpoint=None), forgotten=model.forgotten,
      before=model.enrolled)
  method = methods.unsc(
      bases, choices.optimizer, steps=choices.steps,
      batch_size=choices.batch_size, stop_below=choices.stop_below)
  key = jax.random.fold_in(jax.random.key(choices.seed), number)
  unlearned = method(problem, key)
  return Served(unlearned.params, moments, unchanged, retained, bases, rounding_of(retained),
                unlearned.history, {'moments': seconds, **unlearned.seconds})


def by_label(
    network: problem_lib.Network, params: Any, examples: problem_lib.Examples,
    choices: choices_lib.Choices, session: session_lib.Session = session_lib.DEFAULT,
) -> ByLabel:
  """The moments of every label, or of all data where these would take too much room."""
  labels = np.unique(examples.y)
  one = moments_of(network, params, jax.tree.map(lambda leaf: leaf[:1], examples.x),
                   choices, session)
  size = sum(leaf.nbytes for leaf in jax.tree.leaves(one))
  if len(labels) * size > choices.moments_bytes:
    return {ALL: moments_of(network, params, examples.x, choices, session)}
  return {
      str(c): moments_of(
          network, params, examples.where(examples.y == c).x, choices, session)
      for c in session.progress(labels.tolist(), 'moments', len(labels))}


def moments_of(
    network: problem_lib.Network, params: Any, x: Any, choices: choices_lib.Choices,
    session: session_lib.Session = session_lib.DEFAULT,
) -> moments_lib.Moments:
  """The moments of some inputs, in one pass."""
  def batches() -> Iterator[Any]:
    for batch in batching.in_few_sizes(x, choices.moments_batch_size):
      yield batch if session.mesh is None else sharding.shard_batch(batch, session.mesh)
  return moments_lib.accumulate(moments_lib.input_moments(network.fn), params, batches())


def total(moments: Iterable[moments_lib.Moments]) -> moments_lib.Moments:
  """The moments of all labels together."""
  return functools.reduce(moments_lib.Moments.__add__, moments)


def rounding_of(moments: moments_lib.Moments) -> float:
  """The share of a layer's moments that float32 may have lost in sums and differences.

  One unit in the last place of all that was ever added, relative to what is left.
  """
  left = lambda m: (
      m.second.sum(-1) if m.second.ndim == 2 else jnp.trace(m.second, axis1=-2, axis2=-1))
  tiny, eps = np.finfo(np.float32).tiny, np.finfo(np.float32).eps
  return max(float(jnp.max(eps * m.gross.sum(-1) / jnp.maximum(left(m), tiny)))
             for m in moments)


def num_classes(network: problem_lib.Network, params: Any, x: Any) -> int:
  """How many outputs a network has."""
  some = jax.tree.map(
      lambda leaf: jax.ShapeDtypeStruct((2, *leaf.shape[1:]), leaf.dtype), x)
  out = jax.eval_shape(network.fn, params, some)
  if getattr(out, 'ndim', None) != 2:
    raise ValueError(
        'the network has to give logits [N, C], one row an example; give a Network whose '
        'fn does.')
  return out.shape[1]


def _less(model, forget, whole, counts, choices, session) -> tuple[ByLabel, tuple[str, ...]]:
  """The moments that change, and the names of those that do not."""
  of = lambda x: moments_of(model.network, model.enrolled, x, choices, session)
  if ALL in model.moments:
    return {ALL: model.moments[ALL] - of(forget.x)}, ()
  changed = {}
  labels = [c for c in np.unique(forget.y).tolist() if c in counts and c not in whole]
  for c in session.progress(labels, 'moments', len(labels)):
    changed[str(c)] = model.moments[str(c)] - of(forget.where(forget.y == c).x)
  return changed, tuple(
      str(c) for c in counts if str(c) not in changed)


class Absent:
  """Inputs that are no longer held: of their shape, but they cannot be read."""

  def __init__(self, shape: tuple[int, ...], dtype: Any):
    self.shape, self.dtype, self.ndim = shape, dtype, len(shape)

  def __len__(self) -> int:
    return self.shape[0]

  def __getitem__(self, index: Any) -> NoReturn:
    raise ValueError(
        'the retained examples are no longer held, and cannot be read; a request takes a '
        'method that does without them.')

  __array__ = __getitem__


def _absent(like: Any, counts: Mapping[int, int]) -> problem_lib.Examples:
  """The retained examples as far as they are known: their labels."""
  labels = np.repeat([*counts], [*counts.values()]).astype(np.int32)
  return problem_lib.Examples(jax.tree.map(
      lambda leaf: Absent((len(labels), *leaf.shape[1:]), leaf.dtype), like), labels)
