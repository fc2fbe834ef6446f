"""Whether a store is what its records say, and whether its requests can be done again."""

from typing import Any

from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax.requests import audit
from unsc_jax.requests import chain
from unsc_jax.requests import labelled
from unsc_jax.requests import objects
from unsc_jax.requests import request as request_lib
from unsc_jax.requests import store as store_lib


def verify(folder: store_lib.Path) -> list[str]:
  """Reads all of a store, and says what is not as it was written.

  Hashes of the records, of every file, of who was enrolled and forgotten. It needs
  neither network nor data, and changes nothing.

  Args:
    folder: of the store.

  Returns:
    A sentence for every fault; empty if there is none.

  Raises:
    FileNotFoundError: there is no store.
    ValueError: the store is of a newer version, or its ledger cannot be read at all.
  """
  with store_lib.opened(folder) as store:
    names = {name: None for record in store.records for name in store_lib.names(record)}
    found = [fault for name in names
             if (fault := objects.fault_of(store.folder / 'objects', name))]
    return [*store.ledger.all_faults(), *found,
            *audit.faults(store.folder / 'audit', store.ledger.links)]


def again(
    folder: store_lib.Path, network: problem_lib.Network, number: int,
    examples: problem_lib.Examples, *, held_out: problem_lib.Examples | None = None,
    like: Any = None, session: session_lib.Session = session_lib.DEFAULT,
) -> bool:
  """Serves a request once more from its inputs; the store is left as it is.

  Args:
    folder: of the store.
    network: the one that was enrolled.
    number: of the request.
    examples: those that were forgotten, among any others.
    held_out: what was given then.
    like: as for `forget`.
    session: where to run.

  Returns:
    Whether it leads to the same weights, bit by bit. On another device, or under
    another version of JAX, it need not.

  Raises:
    FileNotFoundError: there is no store.
    ValueError: there is no such request, or other data than then are given.
  """
  examples = labelled.checked(examples, 'given')
  held_out = held_out and labelled.checked(held_out, 'held-out')
  with store_lib.opened(folder) as store:
    record = _request(store, number)
    request = request_lib.found(
        store, network, number, tuple(record['asked'].get('classes', ())),
        store.ledger.of_request(number), examples, held_out, like)
    told = request.told(store.ledger.salt)
    for name in ('forgotten', 'held_out'):
      if _data(told[name]) != _data(record[name]):
        raise ValueError(
            f'the {name.replace("_", "-")} examples are not those of request {number}; '
            'give what was given then.')
    served = request.served(store, session)
    return store_lib.hash_of(served.params) == record['weights']['after']


def history(folder: store_lib.Path) -> tuple[list[store_lib.Record], list[store_lib.Record]]:
  """What was asked of a store.

  Args:
    folder: of the store.

  Returns:
    The records, and what was begun by a process that did not come to its end.

  Raises:
    FileNotFoundError: there is no store.
    ValueError: it is damaged, or of a newer version.
  """
  with store_lib.opened(folder) as store:
    return [*store.records], [chain.body(text) for _, text in store.ledger.begun]


def _request(store: store_lib.Store, number: int) -> store_lib.Record:
  done = [record['number'] for record in store.records if record['kind'] == 'forgot']
  if number not in done:
    raise ValueError(
        f'request {number} was not served; choose among '
        f'{", ".join(map(str, done)) or "none"}.')
  return store.records[number]


def _data(told: dict[str, Any] | None) -> str | None:
  return told['data'] if told else None
