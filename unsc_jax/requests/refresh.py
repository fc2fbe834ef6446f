"""A new beginning for a store that requests have worn: moments taken anew."""

from typing import Any

import jax
import numpy as np

from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax.requests import hashes
from unsc_jax.requests import labelled
from unsc_jax.requests import programs
from unsc_jax.requests import records as records_lib
from unsc_jax.requests import request as request_lib
from unsc_jax.requests import serving
from unsc_jax.requests import store as store_lib


def refresh(
    folder: store_lib.Path, network: problem_lib.Network, examples: problem_lib.Examples, *,
    params: Any = None, like: Any = None,
    session: session_lib.Session = session_lib.DEFAULT,
) -> store_lib.Record:
  """Takes moments anew, of what is retained and with the parameters of now.

  From then on drift counts from these parameters. It is the one thing that needs the
  retained data once more, and what a model that was retrained on them begins with.

  Args:
    folder: of the store.
    network: the one that was enrolled.
    examples: all that is retained, and nothing that was forgotten.
    params: of a network that was retrained on `examples`; by default the store's.
    like: as for `forget`.
    session: where to run.

  Returns:
    The record.

  Raises:
    BlockingIOError: a request is being served.
    FileNotFoundError: there is no store.
    ValueError: examples are missing, were never enrolled, or were forgotten.
  """
  examples = labelled.checked(examples, 'retained')
  labels = examples.y
  with store_lib.opened(folder, write=True) as store:
    like = request_lib.structure(network, like)
    before = store.params(store.latest, like)
    params = before if params is None else jax.tree.map(jax.numpy.asarray, params)
    programs.check(store.records[0]['network'],
                   programs.identity(network.fn, params, examples.x))
    _check(store, hashes.of_examples(store.ledger.salt, examples.x, labels))
    moments = serving.by_label(
        network, params, examples, store.choices, session)
    record = {
        **records_lib.opening(len(store.records), 'enrolled', store.head),
        'enrolled': {
            'count': len(labels),
            'labels': {str(c): int(n) for c, n in zip(*np.unique(labels, return_counts=True))}},
        'weights': {'before': store.latest['weights']['after'],
                    'after': store_lib.hash_of(params)},
        'version': store.put(params, moments, {})}
    return store.commit(record)


def _check(store: store_lib.Store, data: list[bytes]) -> None:
  """Raises unless these are what is retained, each as often as it is."""
  rows = store.ledger.all()
  retained = sorted(row.data for row in rows if not row.request)
  if sorted(data) == retained:
    return
  gone = {row.data for row in rows if row.request} - {*retained}
  back = sum(key in gone for key in data)
  if back:
    raise ValueError(
        f'{back} of these examples were forgotten before; leave them out.')
  strange = sum(key not in {*retained} for key in data)
  if strange:
    raise ValueError(
        f'{strange} of these examples were never enrolled as they are; give the retained '
        'data, prepared as they were at enrolment.')
  raise ValueError(
      f'{len(data)} examples are given, and {len(retained)} are retained; give all of '
      'them, each once.')
