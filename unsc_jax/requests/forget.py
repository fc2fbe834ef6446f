"""A request, from what is asked to the record of what was done."""

from collections.abc import Callable, Mapping
import time
from typing import Any, NamedTuple
import warnings

import jax

from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import session as session_lib
from unsc_jax import storage
from unsc_jax.requests import asked as asked_lib
from unsc_jax.requests import hashes
from unsc_jax.requests import labelled
from unsc_jax.requests import measures
from unsc_jax.requests import records as records_lib
from unsc_jax.requests import request as request_lib
from unsc_jax.requests import serving
from unsc_jax.requests import store as store_lib


class Forgotten(NamedTuple):
  """What came of a request.

  Attributes:
    params: the new parameters.
    record: of what was done, or in a dry run would be.
  """
  params: Any
  record: store_lib.Record


def forget(
    folder: store_lib.Path, network: problem_lib.Network, what: asked_lib.Asked,
    examples: problem_lib.Examples, *,
    held_out: problem_lib.Examples | None = None,
    test: problem_lib.Examples | None = None,
    by: str | None = None, dry_run: bool = False, drift_budget: float | None = None,
    like: Any = None, session: session_lib.Session = session_lib.DEFAULT,
) -> Forgotten:
  """Serves a request: the store's model forgets, and the store says how.

  Retained data are not read. Of the examples given, those that are meant are found by
  their hashes; all others are left alone, but for those of earlier requests, of which
  it is measured whether they are still forgotten.

  Args:
    folder: of the store.
    network: the one that was enrolled.
    what: `Classes`, `Ids`, `Arrays` or a `Share`.
    examples: the examples to be forgotten, as they were enrolled, among any others.
      Of whole classes some are enough where moments are stored by label.
    held_out: examples of the same kind that the network never saw. Needed where
      single examples go: they learn to be answered as unseen ones are.
    test: others that it never saw, to measure on; by default `held_out`.
    by: who asks; a salted hash of it is kept.
    dry_run: whether to leave the store as it is.
    drift_budget: another than the store's, for this request.
    like: pytree with the parameters' structure; by default of `network.init`, or
      nested dictionaries.
    session: where to run. Its checkpoint is not used.

  Returns:
    The new parameters and the record.

  Raises:
    BlockingIOError: another request is being served.
    FileNotFoundError: there is no store.
    ValueError: what is asked cannot be done, for the reason it says; or it would
      move retained outputs further than the budget allows.
  """
  started = time.perf_counter()
  examples = labelled.checked(examples, 'given')
  held_out = held_out and labelled.checked(held_out, 'held-out')
  test = test and labelled.checked(test, 'test')
  with store_lib.opened(folder, write=not dry_run) as store:
    request = request_lib.asked(store, network, what, examples, held_out, like)
    opening = records_lib.opening(len(store.records), 'forgot', store.head)
    asked = {**what.told(), 'by': by and hashes.of_text(store.ledger.salt, by).hex()}
    if not dry_run:
      store.ledger.begin(opening['number'], {**opening, 'asked': asked})
    try:
      served, warned = _heard(lambda: request.served(store, session))
    except (ValueError, FloatingPointError):
      if not dry_run:
        store.ledger.withdraw()
      raise
    budget = store.choices.drift_budget if drift_budget is None else drift_budget
    record: store_lib.Record = {
        **opening, 'asked': asked, **request.told(store.ledger.salt),
        'choices': storage.describe(vars(store.choices)),
        'weights': {'before': store.latest['weights']['after'],
                    'after': store_lib.hash_of(served.params)},
        **_constraint(request.model, served, budget),
        'measures': _measures(
            request, served, test or held_out, 'held_out' if test is None else 'test', session),
        'history': {name: values[-1:].tolist() for name, values in served.history.items()},
        'steps': len(served.history['loss']),
        'seconds': {name: round(s, 3) for name, s in served.seconds.items()}}
    record['seconds']['all'] = round(time.perf_counter() - started, 3)
    record['advice'] += warned
    refused = _over(record['drift'])
    if refused:
      record['advice'] = [refused]
    if dry_run:
      return Forgotten(served.params, record)
    if refused:
      store.commit(_refusal(store, record))
      raise ValueError(refused)
    changed = {name: store.latest['version']['moments'][name] for name in served.unchanged}
    record['version'] = store.put(served.params, served.moments, changed)
    store.commit(record, request.rows)
  return Forgotten(served.params, record)


def _heard(serve: Callable[[], serving.Served]) -> tuple[serving.Served, list[str]]:
  """What comes of a request, and what was warned of meanwhile, which is warned of again."""
  with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    served = serve()
  for warning in caught:
    warnings.warn_explicit(
        warning.message, warning.category, warning.filename, warning.lineno)
  said = (str(warning.message) for warning in caught if warning.category is UserWarning)
  return served, [*dict.fromkeys(said)]


def _constraint(model: serving.Model, served: serving.Served, budget: float
                ) -> dict[str, Any]:
  """Room, leak and drift, by the stored moments alone."""
  change = jax.tree.map(lambda a, b: a - b, served.params, model.params)
  here, since = (null_space.drift(served.retained, before, served.params)
                 for before in (model.params, model.enrolled))
  room = null_space.capacity(served.bases).rooms
  worst = measures.largest(since)
  advice = []
  if worst is not None and budget / 2 < worst <= budget:
    advice.append(
        f'all requests so far have moved a layer\'s outputs on retained data by '
        f'{worst:.1%}, and the budget is {budget:.1%}; refresh the store or retrain soon.')
  if served.rounding > 1e-2:
    advice.append(
        f'subtractions may have lost {served.rounding:.1%} of the smallest moments; '
        'refresh the store.')
  return {
      'room': {path: [[of.free, of.fan_in] for of in uses] for path, uses in room.items()},
      'leak': measures.largest(null_space.leak(change, served.bases)),
      'drift': {'layers': measures.largest(here), 'layers_since_enrolment': worst,
                'budget': budget},
      'rounding': served.rounding, 'advice': advice}


def _over(drift: Mapping[str, Any]) -> str | None:
  """Why a request is refused, in one sentence; None if it is not."""
  worst, budget = drift['layers_since_enrolment'], drift['budget']
  if worst is not None and worst <= budget:
    return None
  how = 'by an unknown amount' if worst is None else f'by {worst:.1%}'
  return (
      f"this request would leave a layer's outputs on retained data moved {how} since "
      f'enrolment, over the budget of {budget:.1%}; refresh the store, retrain, or give a '
      'larger drift_budget.')


def _refusal(store, record) -> store_lib.Record:
  """The record of a request that was not served."""
  kept = ('format', 'number', 'kind', 'previous', 'created', 'versions', 'device', 'asked',
          'drift', 'advice')
  before = store.latest
  return {**{name: record[name] for name in kept}, 'kind': 'refused',
          'weights': {'before': before['weights']['after'],
                      'after': before['weights']['after']},
          'version': before['version']}


def _measures(request: request_lib.Request, served, unseen, which, session) -> dict[str, Any]:
  """What is measured of the request, of earlier ones, and of what remains."""
  model, network = request.model, request.model.network
  of = lambda params, examples: measures.of_examples(network, params, examples, session)
  gone = tuple(sorted({*model.forgotten, *request.whole}))
  told: dict[str, Any] = {
      'forgotten': {'before': of(model.params, request.forget),
                    'after': of(served.params, request.forget)},
      'requests': [{'number': number, **(
          of(served.params, examples) if len(examples) else measures.NOTHING)}
                   for number, examples in request.earlier.items()],
      'unseen': None}
  if request.held_out is not None and not request.whole:
    told['membership'] = {
        when: measures.of_membership(
            network, params, request.forget, request.held_out, session)
        for when, params in (('before', model.params), ('after', served.params))}
  if unseen is not None:
    told['unseen'] = {
        'data': which,
        'before': measures.of_unseen(
            network, model.enrolled, model.params, unseen, model.forgotten, session),
        'after': measures.of_unseen(
            network, model.enrolled, served.params, unseen, gone, session)}
  return told
