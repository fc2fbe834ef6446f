"""Shadow models: many networks of one recipe, trained side by side.

What an attack or a distance between distributions of models needs: networks
that learnt an example and networks that never saw it. `M` members, `N`
examples, `B` of them a batch; members lie along the first axis of every leaf.
"""

from collections.abc import Callable, Iterator, Sequence
import dataclasses
import functools
import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import batching
from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import sharding
from unsc_jax import training
from unsc_jax.evaluation.shadows import compilation
from unsc_jax.evaluation.shadows import im2col
from unsc_jax.problem import trainable

_STEPS_A_CALL = 20  # looped in one program; between calls the bar moves


class Shadows(NamedTuple):
  """Trained members."""
  params: Any  # leaves [M, ...]
  losses: np.ndarray  # [M, steps]


def member(params: Any, i: int) -> Any:
  """The parameters of one member."""
  return jax.tree.map(lambda leaf: leaf[i], params)


def halves(members: int, examples: int, seed: int) -> np.ndarray:
  """Which members see which examples, so that half of them see each.

  Args:
    members: `M`, even.
    examples: `N`.
    seed: of the draw.

  Returns:
    `[M, N]` booleans; every column holds `M/2` of them, drawn by itself.

  Raises:
    ValueError: the number of members is odd, or below two.

  Example:
    >>> halves(4, 100, seed=0).sum(0).tolist() == [2] * 100
    True

  Source: the design of Carlini et al. (LiRA, arXiv 2112.03570); exact.
  """
  if members < 2 or members % 2:
    raise ValueError(
        f'{members} members cannot be halved for every example; take an even '
        'number of them.')
  rank = np.random.default_rng(seed).random((members, examples)).argsort(0)
  return rank < members // 2


def train(
    network: problem_lib.Network, examples: problem_lib.Examples,
    included: np.ndarray, recipe: training.Recipe, key: jax.Array, *,
    session: session_lib.Session = session_lib.DEFAULT,
    label: str = 'shadow models',
) -> Shadows:
  r"""Trains all members at once, each on its own part of the examples.

  .. math:: \theta_m = \arg\min_\theta L(\theta; \{x_n : I_{mn}\})

  One jitted program for all: the step is vmapped over the members and looped
  over the steps, convolutions as matrix products (see `im2col`). Members
  differ in their initialisation, in the order of their batches and in
  their data.

  Args:
    network: with `init`.
    examples: the union of what members are trained on.
    included: `[M, N]` booleans, which member sees which example.
    recipe: as for one network. Epochs count over the largest part, so that all
      members make the same number of steps.
    key: of everything.
    session: where to train: members are split over its devices where their
      number divides theirs; there is nothing to communicate.
    label: what the bar says.

  Returns:
    Shadows.

  Raises:
    ValueError: `included` does not fit the examples, or a member has none.
    FloatingPointError: a member's loss has become NaN or infinite.

  Source: definition; exact. A member on all examples is drawn like
  `training.train`'s network, but not the same one.
  """
  included = np.asarray(included, bool)
  if included.ndim != 2 or included.shape[1] != len(examples):
    raise ValueError(
        f'included should be booleans [members, {len(examples)}], one column '
        f'for each example, but its shape is {included.shape}.')
  counts = included.sum(1)
  if not counts.size or not counts.min():
    raise ValueError('a member is to be trained on no example at all: give '
                     'every row of `included` some.')
  members = len(included)
  steps = batching.steps_for(
      int(counts.max()), recipe.batch_size, recipe.epochs)
  init_key, order_key, loss_key = jax.random.split(key, 3)
  init = jax.vmap(lambda k: training.fresh(network, k))
  params = init(jax.random.split(init_key, members))
  optimizer = training.only(
      recipe.optimizer(steps), network.trainable, member(params, 0))
  state = jax.vmap(optimizer.init)(trainable.floats(params))
  spread = _spread(members, session.mesh)
  params, state = spread(params), spread(state)
  keys = spread(jax.random.split(loss_key, members))
  data = jax.tree.map(jnp.asarray, examples)
  order = batches_of_each(included, recipe.batch_size, batching.seed_of(order_key))
  starts, losses = range(0, steps, _STEPS_A_CALL), []
  for start in session.progress(starts, label, len(starts)):
    # All calls are of one shape; the last one may leave batches unused.
    batches = spread(np.stack([*itertools.islice(order, _STEPS_A_CALL)], 1))
    count = min(_STEPS_A_CALL, steps - start)
    params, state, keys, values = sharding.settle(
        _steps(network, optimizer, recipe.augment, params, state, keys, batches, count, data))
    losses.append(np.asarray(values)[:, :count])
  history = np.concatenate(losses, 1)
  if not np.isfinite(history).all():
    raise FloatingPointError(
        f'the loss of member {int(np.isfinite(history).all(1).argmin())} is no '
        'number any more; lower the learning rate, or clip gradients.')
  return Shadows(_finished(network, params, examples, included), history)


@functools.partial(jax.jit, static_argnums=(0, 1, 2), donate_argnums=(3, 4, 5))
def _steps(network, optimizer, augment, params, state, keys, batches, count, data):
  """Some steps of every member; `batches` are indices `[M, steps, B]`."""
  forward = im2col.without_convolutions(network.training)
  loss_of = training.classify_in_training(
      dataclasses.replace(network, train_fn=forward), augment)

  def step(params, state, key, chosen):
    key, now = jax.random.split(key)
    batch = jax.tree.map(lambda leaf: leaf[chosen], data)
    loss = functools.partial(loss_of, batch=batch, key=now)
    params, state, value = training.update(loss, optimizer, params, state)
    return params, state, key, value

  def once(i, carry):
    params, state, keys, losses = carry
    params, state, keys, loss = jax.vmap(step)(params, state, keys, batches[:, i])
    return params, state, keys, losses.at[:, i].set(loss)

  losses = jnp.zeros(batches.shape[:2])
  return jax.lax.fori_loop(0, count, once, (params, state, keys, losses))


def batches_of_each(included: np.ndarray, size: int, seed: int) -> Iterator[np.ndarray]:
  """Endless batches of indices, `[M, B]`: each member's own examples.

  Example:
    >>> batches = batches_of_each(np.array([[True, False], [False, True]]), 1, seed=0)
    >>> next(batches).tolist()
    [[0], [1]]
  """
  rng = np.random.default_rng(seed)
  streams = [batching.stream(np.flatnonzero(mine), size, int(s)) for mine, s in
             zip(included, rng.integers(2**31, size=len(included)))]
  return (np.stack(batches).astype(np.int32) for batches in zip(*streams))


def _spread(members: int, mesh) -> Callable[[Any], Any]:
  if mesh is None or members % mesh.size:
    return lambda tree: tree
  axes = jax.sharding.PartitionSpec(mesh.axis_names)
  return lambda tree: jax.device_put(
      tree, jax.sharding.NamedSharding(mesh, axes))


def _finished(network, params, examples, included):
  """Every member's running statistics anew, where there are any."""
  done = [network.finish(member(params, i), examples.where(mine).x)
          for i, mine in enumerate(included)]
  return jax.tree.map(lambda *leaves: jnp.stack(leaves), *done)


def unlearn(
    method: problem_lib.Method, problem: problem_lib.Problem, params: Any,
    key: jax.Array,
) -> list[problem_lib.Unlearned]:
  """Lets every shadow original forget the problem's forget set.

  What U-LiRA asks for: an attack on unlearned models is fitted to models that
  went through the same unlearning. Works for any method; each member is handed
  to it in the place of the problem's own network. What the method compiles is
  compiled for the first of them only (see `compilation`).

  Args:
    method: any.
    problem: whose retain and forget sets the members were trained on.
    params: of members that were trained on both, leaves `[M, ...]`.
    key: every member gets its own.

  Returns:
    What the method gave back for each member.
  """
  members = len(jax.tree.leaves(params)[0])
  keys = jax.random.split(key, members)
  with compilation.shared():
    return [method(dataclasses.replace(
        problem, params=member(params, i),
        session=problem.session.within(f'member-{i}')), keys[i])
            for i in problem.session.progress(range(members), 'shadows forget', members)]


def outputs(unlearned: Sequence[problem_lib.Unlearned], x: np.ndarray) -> np.ndarray:
  """What unlearned members say: logits `[M, N, C]`.

  Args:
    unlearned: of `unlearn`.
    x: `[N, ...]` inputs.
  """
  fns = {u.fn for u in unlearned}
  if len(fns) == 1:
    # Not by NumPy, which has no random keys.
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(u.params for u in unlearned))
    return predict(unlearned[0].fn, stacked, x)
  return np.stack([training.predict(u.fn, u.params, x) for u in unlearned])


def predict(
    fn: Callable, params: Any, x: np.ndarray, *, batch_size: int = 250,
) -> np.ndarray:
  """What every member says: `fn(params, x)`, members first.

  Args:
    fn: maps `(params, x [n, ...])` to an array `[n, ...]`, row by row.
    params: members' parameters, leaves `[M, ...]`.
    x: `[N, ...]` inputs.
    batch_size: how many at once; the last batch is filled up.

  Returns:
    `[M, N, ...]` in host memory.

  Example:
    >>> predict(lambda w, x: w * x, np.array([1., 2.]), np.arange(3.)).tolist()
    [[0.0, 1.0, 2.0], [0.0, 2.0, 4.0]]
  """
  return training.predict(_OfMembers(fn), params, x, batch_size=batch_size).swapaxes(0, 1)


@dataclasses.dataclass(frozen=True)
class _OfMembers:
  """What every member says, examples first."""
  fn: Callable

  def __call__(self, params: Any, x: jax.Array) -> jax.Array:
    return jax.vmap(im2col.without_convolutions(self.fn), (0, None), 1)(params, x)
