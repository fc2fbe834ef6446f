"""The one training loop that every method shares.

A loss is `(params, batch, key) -> (value, params)`: it returns the params with
whatever the forward pass rewrote (running statistics), or as they came. Batches
are any pytrees; an optimiser is any of Optax. A loss may take further arguments,
such as the original parameters: a closure would make them constants of the
program.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
import dataclasses
import functools
import itertools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from unsc_jax import batching
from unsc_jax import problem as problem_lib
from unsc_jax import programs
from unsc_jax import session as session_lib
from unsc_jax import sharding
from unsc_jax import storage
from unsc_jax.problem import trainable as trainable_lib
from unsc_jax.training import following
from unsc_jax.training import identity as identity_lib
from unsc_jax.training import losses as losses_lib
from unsc_jax.training import step as step_lib

Watch = Callable[[Any], tuple[dict[str, float], bool]]


@dataclasses.dataclass(frozen=True)
class Recipe:
  """How to train a network from scratch.

  Attributes:
    optimizer: from the number of steps to an optimiser, for its schedule.
    epochs: over the examples.
    batch_size: examples a step.
    augment: from a key and a batch of inputs to what is trained on in their place,
      random crops say; within the jitted step. BatchNorm is re-estimated without.
  """
  optimizer: Callable[[int], optax.GradientTransformation]
  epochs: float
  batch_size: int
  augment: Callable[[jax.Array, Any], Any] | None = None


class Fitted(NamedTuple):
  """Trained parameters, and the loss of every step."""
  params: Any
  history: dict[str, np.ndarray]  # name to [steps]


@dataclasses.dataclass(frozen=True)
class classify:
  """Cross-entropy of a network as it is in evaluation: for fine-tuning."""
  fn: Callable

  def __call__(self, params: Any, batch: problem_lib.Examples, key: jax.Array
               ) -> tuple[jax.Array, Any]:
    del key
    return losses_lib.cross_entropy(self.fn(params, batch.x), batch.y), params


@dataclasses.dataclass(frozen=True)
class classify_in_training:
  """Cross-entropy of a network in training, with dropout and statistics."""
  network: problem_lib.Network
  augment: Callable[[jax.Array, Any], Any] | None = None

  def __call__(self, params: Any, batch: problem_lib.Examples, key: jax.Array
               ) -> tuple[jax.Array, Any]:
    x = batch.x
    if self.augment:
      key, now = jax.random.split(key)
      x = self.augment(now, x)
    logits, params = self.network.training(params, x, key)
    return losses_lib.cross_entropy(logits, batch.y), params


def fit(
    loss: step_lib.Loss, optimizer: optax.GradientTransformation, params: Any,
    batches: Iterable, *, steps: int, key: jax.Array,
    given: tuple | following.Refresh | following.Scheduled = (),
    trainable: Callable[[str], bool] = lambda path: True,
    session: session_lib.Session = session_lib.DEFAULT, label: str = 'training',
    watch: Watch | None = None, watch_every: int = 10,
    identity: Callable[[], Mapping[str, Any]] = dict, kinds: Sequence[Any] = (),
) -> Fitted:
  """Minimises a loss over a stream of batches.

  The step is jitted once. With a mesh, batches are split over its devices, and
  parameters are replicated unless they lie there already, split as by
  `sharding.shard_params`; the partitioner adds the collectives.

  Args:
    loss: see the module's docstring.
    optimizer: any Optax optimiser.
    params: pytree of arrays; left as it is.
    batches: at least `steps` batches. Every shape and structure among them is
      compiled for once.
    steps: how many updates to make.
    key: for the loss.
    given: further arguments of the loss, pytrees of arrays; or how to make them
      anew from time to time.
    trainable: tells by path which leaves the optimiser may touch. It is given the
      floating ones alone, with None in the place of counters and random keys.
    session: where to run. A loop that finds its state in the checkpoint goes on from
      it: the batches that it saw are drawn again and dropped, all of them where it had
      finished.
    label: of the loop: what the bar says, and the name of its state.
    watch: looks at the parameters now and then: returns measurements by name,
      which join the history, and whether to stop. A function of the parameters alone:
      what it remembers from one call to the next is in no checkpoint.
    watch_every: after how many steps, each time.
    identity: gives what else than its programs and first values tells this loop from
      others: hashes of all its data, say, and its watch. It is called only where there
      is a checkpoint.
    kinds: batches of all structures that may come, of as many examples as there are: what
      the loss makes of each tells loops apart as well, which begin with one of them alone.

  Returns:
    The new parameters, and the loss before every step.

  Raises:
    FloatingPointError: the loss has become NaN or infinite.
    ValueError: the checkpoint is of another run, or the batches end too soon; or, where
      there is one, the further arguments come from what remembers more than is kept.

  Warns:
    UserWarning: there is a checkpoint, and the watch remembers more than is kept.

  Example:
    >>> loss = lambda w, batch, key: ((w - batch) ** 2, w)
    >>> ones = itertools.repeat(jnp.ones(()))
    >>> fitted = fit(loss, optax.sgd(.25), jnp.zeros(()), ones, steps=2,
    ...              key=jax.random.key(0))
    >>> fitted.params.item(), fitted.history['loss'].tolist()
    (0.75, [1.0, 0.25])
  """
  mesh = session.mesh
  optimizer = step_lib.only(optimizer, trainable, params)
  put = lambda tree: tree if mesh is None else sharding.place(tree, mesh)
  params = put(params)
  # The step consumes what it is given, so it gets copies.
  state = put(programs.begin(optimizer.init, trainable_lib.floats(params)))
  params = programs.copy(params)
  if mesh is not None:
    state = programs.copy(state)
  where = (None, None) if mesh is None else jax.tree.map(
      lambda leaf: leaf.sharding, (params, state))
  step = step_lib.make_step(loss, optimizer, where)
  anew = None if isinstance(given, tuple) else given
  extra = put(given) if anew is None else ()
  refresh = 1 if anew is None else anew.every
  losses, watched, over = [], [], False

  def run():
    nonlocal batches, extra
    place = functools.partial(sharding.shard_batch, mesh=mesh)
    first, batches = batching.peeked(batches, place)
    told: dict[str, Any] = {'watch_every': watch_every} if watch else {}
    if anew is not None:
      made, told['given later'] = anew.begun(params, steps)
      extra = put(made)
    if not jax.threefry_partitionable.value:  # keys draw otherwise, by the same program
      told['jax_threefry_partitionable'] = False
    return {'steps': steps, 'run': identity(), **told, **identity_lib.identity(
        loss, optimizer, params, state, first, key, extra, kinds)}

  with storage.opened(session.within(label).checkpoint, run) as store:
    if latest := store.latest((params, state)):
      (params, state), record = latest
      losses, watched, over = record['losses'], record['watched'], record['over']
      key = jax.random.wrap_key_data(
          jnp.array(record['key'], jnp.uint32), impl=jax.random.key_impl(key))

    def save():
      store.save(len(losses), (params, state), {
          'losses': _finite(losses, label).tolist(), 'watched': watched, 'over': over,
          'key': jax.random.key_data(key).tolist()})

    start = len(losses)
    # A state is of use only where the further arguments are made anew.
    every = refresh * math.ceil(store.every / refresh)
    # Those that were seen are drawn also where nothing is left to do: a later loop may
    # share the stream.
    chosen = itertools.islice(batches, start, start if over else steps)
    look = functools.partial(following.noticed, watch) if watch and every else watch
    for i, batch in enumerate(
        session.progress(chosen, label, steps - start), start):
      if every and i > start and i % every == 0:
        save()
      if anew is not None and i % refresh == 0 and not (i == 0 and extra):
        extra = put(anew.at(i, params))
      batch = sharding.shard_batch(batch, mesh)
      key, now = programs.split(key)
      params, state, value = sharding.settle(
          step(params, state, batch, now, *extra))
      losses.append(value)
      if look and len(losses) % watch_every == 0:
        (seen, stop), look = look(params), watch
        watched.append({name: np.asarray(value).tolist() for name, value in seen.items()})
        if over := bool(stop):
          break
    history = _finite(losses, label)
    if not over and len(losses) < steps:
      raise ValueError(
          f'{label} should make {steps} steps, but its batches ended after '
          f'{len(losses)}; give more, or repeat them.')
    over = True
    save()
  names = watched[0] if watched else ()
  return Fitted(params, {'loss': history, **{
      name: np.array([seen[name] for seen in watched]) for name in names}})


def _finite(losses: list, label: str) -> np.ndarray:
  """The losses on the host; raises if one is not a number."""
  history = np.asarray(jax.device_get(losses), np.float32)
  if not np.isfinite(history).all():
    at = int(np.argmin(np.isfinite(history)))
    raise FloatingPointError(
        f'the loss of {label} is {history[at]} at step {at}; lower the learning '
        'rate, or clip gradients.')
  return history


def train(
    network: problem_lib.Network, examples: problem_lib.Examples,
    recipe: Recipe, key: jax.Array, *,
    session: session_lib.Session = session_lib.DEFAULT, label: str = 'training',
) -> Fitted:
  """Trains a network from scratch.

  Args:
    network: with `init`.
    examples: the training examples.
    recipe: how.
    key: of the initialisation, the order of the data, and dropout.
    session: where to run, and to keep the state of the loop, as for `fit`.
    label: of the loop.

  Returns:
    The parameters, running statistics estimated anew, and the history.

  Raises:
    ValueError: the network has no `init`.
  """
  init_key, order_key, loss_key = programs.split(key, 3)
  data = lambda: {'inputs': examples.x, 'labels': examples.y,
                  'batch_size': recipe.batch_size}
  steps = batching.steps_for(len(examples), recipe.batch_size, recipe.epochs)
  fitted = fit(
      classify_in_training(network, recipe.augment), recipe.optimizer(steps),
      fresh(network, init_key),
      batching.stream(examples, recipe.batch_size, batching.seed_of(order_key)),
      steps=steps, key=loss_key, trainable=network.trainable,
      session=session, label=label, identity=data)
  return fitted._replace(params=network.finish(fitted.params, examples.x))


def fresh(network: problem_lib.Network, key: jax.Array) -> problem_lib.Params:
  """Freshly initialised parameters of a network.

  Raises:
    ValueError: the network has no `init`.
  """
  if network.init is None:
    raise ValueError(
        'training from scratch needs fresh parameters; give the Network an '
        '`init` function from a key to params.')
  return network.init(key)
