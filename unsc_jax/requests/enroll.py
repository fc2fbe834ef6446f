"""The first record of a store: a model, the moments of its training data, who is in them."""

from collections.abc import Sequence
import hashlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import paths
from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import storage
from unsc_jax.requests import chain
from unsc_jax.requests import choices as choices_lib
from unsc_jax.requests import hashes
from unsc_jax.requests import labelled
from unsc_jax.requests import ledger as ledger_lib
from unsc_jax.requests import programs
from unsc_jax.requests import records
from unsc_jax.requests import serving
from unsc_jax.requests import store as store_lib

DEFAULT = choices_lib.Choices()


def enroll(
    folder: store_lib.Path, network: problem_lib.Network, params: Any,
    examples: problem_lib.Examples, *, ids: Sequence[Any] | None = None,
    choices: choices_lib.Choices = DEFAULT,
    session: session_lib.Session = session_lib.DEFAULT,
) -> store_lib.Record:
  """Makes a store of a trained model, from which requests are served ever after.

  Moments are taken in one pass over the training data, which the store does not keep:
  of every example it has a label and two salted hashes.

  Args:
    folder: of the store, which must not exist yet.
    network: how to evaluate the model.
    params: the trained parameters.
    examples: the training data, labels as integers.
    ids: how requests will call the examples, one each; by default their places.
    choices: how requests will be served.
    session: where to run.

  Returns:
    The first record.

  Raises:
    FileExistsError: there is something in `folder`.
    ValueError: there are no examples, labels are not integers in range, or ids are
      not one for each or not different.

  Example:
    >>> import tempfile
    >>> network = problem_lib.Network(lambda params, x: x @ params['w'])
    >>> data = problem_lib.Examples(np.eye(3, dtype=np.float32), np.arange(3))
    >>> with tempfile.TemporaryDirectory() as beside:
    ...   record = enroll(f'{beside}/store', network, {'w': 9 * jnp.eye(3)}, data)
    >>> record['enrolled']['labels']
    {'0': 1, '1': 1, '2': 1}
  """
  params = _arrays(params)
  names = range(len(examples)) if ids is None else list(ids)
  labels = _checked(network, params, examples, names)
  with store_lib.created(folder) as (draft, ledger):
    rows = [ledger_lib.Enrolled(*row) for row in zip(
        hashes.of_ids(ledger.salt, names),
        hashes.of_examples(ledger.salt, examples.x, labels), labels.tolist())]
    if len({row.id for row in rows}) < len(rows):
      raise ValueError('two examples have the same id; give each an id of its own.')
    moments = serving.by_label(network, params, examples.replace(y=labels), choices, session)
    record = {
        **records.opening(0, 'enrolled', chain.FIRST),
        'salt': hashlib.sha256(ledger.salt).hexdigest(),
        'choices': storage.describe(vars(choices)),
        'network': programs.identity(network.fn, params, examples.x),
        'enrolled': {
            'count': len(rows), 'ids': hashes.together(row.id for row in rows),
            'labels': {str(c): int(n) for c, n in zip(*np.unique(labels, return_counts=True))}},
        'weights': {'after': store_lib.hash_of(params)},
        'version': store_lib.put(draft, params, moments, {})}
    ledger.commit(record, enrolled=rows)
  return record


def _arrays(params: Any) -> Any:
  """Parameters on the device, which are all numbers."""
  try:
    arrays = jax.tree.map(jnp.asarray, params)
  except TypeError as error:
    raise ValueError(
        'the parameters are not all arrays of numbers; give those of the trained '
        'network.') from error
  for path, leaf in paths.leaf_paths(problem_lib.floats(arrays)).items():
    if jnp.isnan(leaf).any():
      raise ValueError(f'the parameter {path} has NaN; give those of the trained network.')
  return arrays


def _checked(network, params, examples: problem_lib.Examples, names: Sequence) -> np.ndarray:
  """The labels, as integers of the network's classes."""
  if not len(examples):
    raise ValueError('there is no example to enrol; give the training data.')
  labels = labelled.checked(examples, 'training').y
  programs.identity(network.fn, params, examples.x)  # says so if it cannot be run
  classes = serving.num_classes(network, params, examples.x)
  if labels.min() < 0 or labels.max() >= classes:
    raise ValueError(
        f'labels go from {labels.min()} to {labels.max()}, and the network has {classes} '
        f'outputs; give labels from 0 to {classes - 1}.')
  if len(names) != len(labels):
    raise ValueError(
        f'there are {len(names)} ids for {len(labels)} examples; give one each.')
  if rows := [one for one in names if np.ndim(one)]:
    raise ValueError(
        f'{rows[0]!r} is the id of an example; give each one number or text.')
  return labels
