"""A store from the enrolment on: what is served, what is refused, and what is left behind."""

import json

import jax
import numpy as np
import pytest

from tests.requests import conftest as small
from unsc_jax import problem
from unsc_jax import requests
from unsc_jax.requests import serving
from unsc_jax.requests import store as store_lib

BOTH = ('person 3', 'person 22')


@pytest.fixture(scope='module')
def served(tmp_path_factory):
  """A store after a request for class 1 and one for two people; and all records."""
  folder = tmp_path_factory.mktemp('served') / 'store'
  small.enrol(folder)
  serve(folder, requests.Classes((1,)), by='somebody')
  serve(folder, requests.Ids(BOTH), held_out=small.UNSEEN)
  return folder


def serve(folder, what, **given):
  return requests.forget(folder, small.NETWORK, what, small.DATA, **given)


def rest(mask):
  return small.DATA.where(mask).x


def test_stored_less_forgotten_is_a_fresh_pass_over_what_is_left(served):
  left = (small.DATA.y != 1) & ~np.isin(np.arange(30), (3, 22))
  with store_lib.opened(served) as store:
    stored = serving.total(store.moments(store.latest).values())
  fresh = rest(left).astype(np.float64)
  second = np.asarray(stored['head/w'].second[0], np.float64)
  error = np.linalg.norm(second - fresh.T @ fresh) / np.linalg.norm(fresh.T @ fresh)
  assert error < 1e-5
  assert stored['head/w'].count.item() == left.sum() == 18


def test_a_forgotten_class_is_forgotten_and_stays_so(served):
  (_, first, second), _ = requests.history(served)
  assert first['measures']['forgotten']['before']['accuracy']['value'] == 1
  assert first['measures']['forgotten']['after']['accuracy']['value'] == 0
  again = {of['number']: of['accuracy'] for of in second['measures']['requests']}
  assert again[1]['value'] == 0
  assert again[1]['n'] == 10


def test_retained_outputs_stay_where_the_moments_say(served):
  """Drift by the stored moments is that of the outputs, in float64 over the examples."""
  (_, first, _), _ = requests.history(served)
  old, new = (np.asarray(requests.load(served, request=i)['head']['w'], np.float64)
              for i in (0, 1))
  x = rest(small.DATA.y != 1).astype(np.float64)
  moved = np.linalg.norm(x @ (new - old)) / np.linalg.norm(x @ old)
  assert first['drift']['layers'] == pytest.approx(moved, rel=.01)
  assert moved < .05


def test_requests_can_be_served_again_to_the_same_weights(served):
  assert requests.verify(served) == []
  assert requests.again(served, small.NETWORK, 1, small.DATA)
  assert requests.again(served, small.NETWORK, 2, small.DATA, held_out=small.UNSEEN)
  with pytest.raises(ValueError, match='held-out examples are not those of request 2'):
    requests.again(served, small.NETWORK, 2, small.DATA, held_out=small.examples(5, 2))


@pytest.mark.parametrize(('what', 'sentence'), [
    (requests.Classes((1,)), 'class 1 was forgotten before, by request 1; '),
    (requests.Classes((7,)), 'class 7 was never enrolled; choose among 0, 1, 2.'),
    (requests.Ids(('person 3',)), "id 'person 3' was forgotten before, by request 2; "),
    (requests.Ids(('person 1', 'nobody', 'none')),
     r"id 'nobody' \(and 1 more\) was never enrolled; "),
    (requests.Arrays(small.DATA.where(slice(3, 4))), 'example 0 was forgotten before, by '),
    (requests.Arrays(small.UNSEEN), 'example 0 was never enrolled with these inputs'),
    (requests.Classes((0, 2)), 'nothing would remain: '),
])
def test_what_cannot_be_asked_is_refused_in_one_sentence(served, what, sentence):
  before = files(served)
  with pytest.raises(ValueError, match=sentence):
    serve(served, what, held_out=small.UNSEEN, dry_run=True)
  assert files(served) == before


def test_what_turns_out_to_be_impossible_is_not_left_begun(store):
  with pytest.raises(ValueError, match='nothing would remain'):
    serve(store, requests.Classes((0, 1, 2)))
  assert requests.history(store)[1] == []


def test_single_examples_need_held_out_ones(served):
  with pytest.raises(ValueError, match='give some of the same classes as held_out'):
    serve(served, requests.Ids(('person 1',)), dry_run=True)


def test_held_out_examples_are_none_that_were_enrolled(served):
  seen = small.DATA.where(slice(3, 5))  # the first of them was forgotten
  with pytest.raises(ValueError, match='2 of 2 held-out examples were enrolled; give some'):
    serve(served, requests.Ids(('person 1',)), held_out=seen, dry_run=True)


def test_all_that_is_asked_for_has_to_be_given(served):
  with pytest.raises(ValueError, match='of 2 examples to be forgotten 1 are not among'):
    requests.forget(
        served, small.NETWORK, requests.Ids(('person 1', 'person 25')),
        small.DATA.where(slice(0, 10)), held_out=small.UNSEEN, dry_run=True)
  other = small.DATA.replace(x=small.DATA.x * 2)  # another preprocessing
  with pytest.raises(ValueError, match='not with the inputs that were enrolled'):
    requests.forget(served, small.NETWORK, requests.Ids(('person 1',)), other,
                    held_out=small.UNSEEN, dry_run=True)


@pytest.mark.parametrize(('y', 'sentence'), [
    (small.DATA.y[:20], 'there are 20 labels for 30 inputs of the given examples'),
    (small.DATA.y.astype(float), r'given examples are float64 of shape \[30\]; give one int'),
    (np.eye(3)[small.DATA.y], r'given examples are float64 of shape \[30, 3\]; give one')])
def test_labels_that_are_given_are_checked(served, y, sentence):
  data = problem.Examples(small.DATA.x, y)
  for use in (lambda: requests.forget(served, small.NETWORK, requests.Classes((0,)), data),
              lambda: requests.again(served, small.NETWORK, 1, data)):
    with pytest.raises(ValueError, match=sentence):
      use()


def test_inputs_and_parameters_of_another_network_are_refused(served, tmp_path):
  wide = small.DATA.replace(x=np.ones((30, 13), np.float32))
  with pytest.raises(ValueError, match=r'cannot be run on inputs float32\[13\] with the '
                     r'parameters given \(TypeError: dot_general.*; give parameters'):
    requests.forget(served, small.NETWORK, requests.Classes((0,)), wide)
  for params, sentence in (({'w': np.ones(3)}, r'given \(KeyError: .head.\); give'),
                           ({'head': np.array(['a'])}, 'not all arrays of numbers')):
    with pytest.raises(ValueError, match=sentence):
      requests.enroll(tmp_path / 'store', small.NETWORK, params, small.DATA)
  assert not (tmp_path / 'store').exists()


def test_a_stop_that_is_not_reached_is_in_the_record(store):
  """Whoever reads the record, and not the terminal, learns that it was not enough."""
  with pytest.warns(UserWarning, match='has not reached its stop'):
    _, record = serve(store, requests.Ids(('person 3',)), held_out=small.UNSEEN.replace(
        x=.1 * small.UNSEEN.x))
  assert any('has not reached its stop' in advice for advice in record['advice'])
  assert 'has not reached its stop' in (store / 'audit' / '0001.html').read_text()


def test_another_network_is_refused(served):
  network = small.problem.Network(lambda params, x: 2 * x @ params['head']['w'])
  with pytest.raises(ValueError, match='computes something else'):
    requests.forget(served, network, requests.Classes((0,)), small.DATA, dry_run=True)
  wide = small.DATA.replace(x=small.DATA.x.astype(np.float16))
  with pytest.raises(ValueError, match=r'gets inputs float16\[12\], and the enrolled one'):
    requests.forget(served, small.NETWORK, requests.Classes((0,)), wide, dry_run=True)


def test_a_dry_run_tells_the_same_and_changes_nothing(served):
  before = files(served)
  _, record = serve(served, requests.Arrays(small.DATA.where(slice(0, 1))),
                    held_out=small.UNSEEN, dry_run=True)
  assert files(served) == before
  assert record['room']['head/w'][0][1] == 12
  assert record['drift']['layers'] >= 0
  assert record['steps'] > 0


def test_audit_files_name_nobody(served):
  pages = [path.read_text() for path in sorted((served / 'audit').iterdir())]
  assert len(pages) == 6
  assert not any('person 3' in page or 'somebody' in page for page in pages)
  stored = json.loads((served / 'audit' / '0001.json').read_text())
  assert len(stored['record']['asked']['by']) == 32
  page = (served / 'audit' / '0001.html').read_text()
  for words in ('Request 1: class 1', 'What this does not prove', stored['hash'], 'n = 10'):
    assert words in page


def test_exports_are_the_model_of_a_request(served, tmp_path):
  for number in (0, 1, 2):
    record = requests.export(served, tmp_path / 'params.npz', request=number)
    assert record['number'] == number
    loaded = requests.load(served, request=number)
    with np.load(tmp_path / 'params.npz') as file:
      np.testing.assert_array_equal(file['head/w'], loaded['head']['w'])
  with pytest.raises(ValueError, match='there is no request 3; the last one is 2'):
    requests.export(served, tmp_path / 'params.npz', request=3)
  with pytest.raises(FileNotFoundError, match='there is no store in'):
    requests.export(tmp_path, tmp_path / 'params.npz')


def test_a_drift_budget_stops_a_request_and_a_refresh_begins_anew(store):
  budget = 1e-6
  with pytest.raises(ValueError, match=r'over the budget of 0.0%; refresh the store, retr'):
    serve(store, requests.Classes((1,)), drift_budget=budget)
  records, begun = requests.history(store)
  assert [record['kind'] for record in records] == ['enrolled', 'refused']
  assert not begun
  jax.tree.map(np.testing.assert_array_equal, requests.load(store), small.PARAMS)
  serve(store, requests.Classes((1,)))
  with pytest.raises(ValueError, match='10 of these examples were forgotten before'):
    requests.refresh(store, small.NETWORK, small.DATA)
  left = small.DATA.where(small.DATA.y != 1)
  with pytest.raises(ValueError, match='19 examples are given, and 20 are retained'):
    requests.refresh(store, small.NETWORK, left.where(slice(1, None)))
  requests.refresh(store, small.NETWORK, left)
  _, record = serve(store, requests.Share(.1), held_out=small.UNSEEN)
  assert record['drift']['layers'] == record['drift']['layers_since_enrolment']
  assert requests.verify(store) == []


def test_a_share_may_be_drawn_of_classes(store):
  _, record = serve(store, requests.Share(.3, classes=(2, 1)), held_out=small.UNSEEN)
  assert record['asked'] == {
      'kind': 'share', 'share': .3, 'seed': 0, 'classes': [1, 2], 'by': None}
  assert record['forgotten']['count'] == 6
  with store_lib.opened(store) as opened:
    gone = [row.label for row in opened.ledger.all() if row.request]
  assert sorted({*gone}) == [1, 2]
  for share, said in ((requests.Share(.3, classes=(7,)), 'class 7 was never enrolled'),
                      (requests.Share(.98, classes=(0,)), 'is all of them; give a smaller')):
    with pytest.raises(ValueError, match=said):
      serve(store, share, held_out=small.UNSEEN)


def files(folder):
  return {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}
