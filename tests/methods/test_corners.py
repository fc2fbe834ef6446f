"""Every method reaches its corner on the digits; a sabotaged one, in long runs, does not.

A corner is what the method is known for: forgets and keeps the rest, or fails
to forget, as fine-tuning does. Training accuracy of the forgotten class, test
accuracy of the rest. Two classes at once are forgotten as one is.
"""

from collections.abc import Callable
import dataclasses
import pathlib
import re
from typing import NamedTuple

import jax
import numpy as np
import optax
import pytest

from tests import rows
from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax import parts
from unsc_jax import problem as problem_lib
from unsc_jax import training
from unsc_jax.parts import objectives
from unsc_jax.parts import optimizers
from unsc_jax.parts import schedules
from unsc_jax.parts import targets

PAGE = pathlib.Path(__file__).parents[2] / 'docs' / 'write-your-own-method.md'
sgd = lambda rate: optax.sgd(rate, momentum=.9)
adam = optax.adam
clipped = lambda rate: optax.chain(optax.clip_by_global_norm(1.), optax.sgd(rate))


def knowing_init(problem):
  """Fresh parameters are the trained ones: what is reset is back at once."""
  network = dataclasses.replace(problem.network, init=lambda key: problem.params)
  return dataclasses.replace(problem, network=network)


def nameless(problem):
  """The same examples, not named as a class."""
  return dataclasses.replace(problem, forget_classes=())


def another_class(problem):
  """Forgets class 5 instead."""
  both = jax.tree.map(
      lambda a, b: np.concatenate([a, b]), problem.retain, problem.forget)
  retain, forget = problem_lib.split_classes(both, [5])
  return dataclasses.replace(
      problem, retain=retain, forget=forget, forget_classes=(5,))


class Case(NamedTuple):
  method: problem_lib.Method
  sabotaged: problem_lib.Method | None = None  # by default the same method, on
  misled: Callable = lambda problem: problem  # a problem that leads it astray
  forget: tuple[float, float] = (0., .05)
  remain: float = .95


relabelled = lambda term, target, optimizer, steps: parts.compose(
    objective=objectives.objective(forget=term, forget_target=target),
    transform=optimizer, schedule=schedules.forget_only(steps))

_SCRUB = {'temperature': 4., 'gamma': .99, 'alpha': .001, 'rounds': 6}  # of large networks
CASES = {
    'retrain': Case(None),  # filled in by the test, which knows the recipe
    'head_only': Case(methods.head_only(), methods.original()),
    'lower_logits': Case(methods.lower_logits(methods.original()), methods.original()),
    'unsc': Case(
        methods.unsc(), methods.unsc(target=lambda problem, key: problem.forget.y),
        forget=(0., .1)),
    'unsc_sequential': Case(
        methods.unsc(null_space.sequential(.97), target=targets.random_labels()),
        methods.unsc(null_space.sequential(1.), target=targets.random_labels()),
        forget=(0., .1), remain=.93),
    # Pushed away from retained features instead, it takes the rest with it.
    'null_space_alignment': Case(
        methods.null_space_alignment(),
        methods.null_space_alignment(weight=-10.), remain=.93),
    # Does not forget: some of the class is lost by chance, most is not.
    'fine_tune': Case(
        methods.fine_tune(sgd(.1)), methods.fine_tune(clipped(-.1)),
        forget=(.2, .98)),
    'cf_k': Case(
        methods.cf_k(sgd(.05)), methods.cf_k(clipped(-.1)), forget=(.2, .98)),
    # Over-unlearns: what remains suffers.
    'gradient_ascent': Case(
        methods.gradient_ascent(clipped(.02), steps=50),
        methods.gradient_ascent(clipped(-.02), steps=50), remain=.6),
    'neggrad_plus': Case(
        methods.neggrad_plus(sgd(.01), alpha=.95, steps=60),
        methods.neggrad_plus(sgd(.01), alpha=1., steps=60), remain=.85),
    'random_label': Case(
        methods.random_label(adam(1e-3), steps=150),
        parts.compose(
            objective=objectives.objective(
                forget=objectives.cross_entropy, retain=objectives.cross_entropy,
                per_example=True),
            transform=adam(1e-3), schedule=schedules.mixed(150))),
    'boundary_shrink': Case(
        methods.boundary_shrink(sgd(.003), bound=.5, steps=40),
        methods.boundary_shrink(sgd(.003), bound=0., published=True, steps=40),
        remain=.9),
    'delete': Case(
        methods.delete(sgd(.003), steps=40),
        relabelled(objectives.distillation(), targets.teacher_logits(), sgd(.003), 40),
        remain=.9),
    'bad_teacher': Case(
        methods.bad_teacher(adam(1e-3), steps=100), misled=knowing_init,
        forget=(0., .2), remain=.93),
    'scrub': Case(
        methods.scrub(sgd(.005), **_SCRUB, forget_rounds=2),
        methods.scrub(sgd(.005), **_SCRUB, forget_rounds=0)),
    'l1_sparse': Case(
        methods.l1_sparse(sgd(.05), alpha=2e-3, steps=300),
        methods.l1_sparse(sgd(.05), alpha=0., steps=300), forget=(0., .1)),
    'eu_k': Case(methods.eu_k(sgd(.05)), misled=knowing_init),
    'fisher_forgetting': Case(methods.fisher_forgetting(1e-7), misled=nameless),
    'influence': Case(
        methods.influence(2., damping=.1), methods.influence(-2., damping=.1),
        forget=(0., .15), remain=.93),
    'unsir': Case(
        methods.unsir(adam(.02), adam(2e-3), noise_copies=3, impair_epochs=2),
        # Noise that the network errs on least is an example of the class.
        methods.unsir(adam(.02), adam(2e-3), noise_copies=3, impair_epochs=2,
                      noise_rate=-.3),
        forget=(0., .3), remain=.85),
    'salun': Case(
        methods.salun(sgd(.02), rounds=5),
        parts.compose(  # true labels
            objective=objectives.objective(
                forget=objectives.cross_entropy, retain=objectives.cross_entropy),
            transform=optimizers.saliency(sgd(.02), .5),
            schedule=schedules.alternating(5)), remain=.93),
    # What everything needs is dampened too.
    'ssd': Case(methods.ssd(4., .3, group=1), methods.ssd(1e-3, .3, group=1)),
    'pgu': Case(
        methods.pgu(share=.7), methods.pgu(share=.999), remain=.93),
    'orthograd': Case(methods.orthograd(), methods.orthograd(clipped(-.05))),
    'min_norm_og': Case(
        methods.min_norm_og(), methods.min_norm_og(strength=0.), remain=.95),
    'msg': Case(methods.msg(), misled=knowing_init),
    'uam': Case(methods.uam(), methods.uam(optimizers.sgd(.05), epochs=2), remain=.95),
    'regun': Case(methods.regun(), methods.regun(retain_weight=1.)),
    # The head alone cannot lose a class without loss: the features stay.
    'loft': Case(methods.loft(20, centred=False), misled=another_class, remain=.85),
    'esc': Case(
        methods.esc(), misled=another_class, forget=(0., .15), remain=.85),
    'class_projection': Case(methods.class_projection(), misled=another_class),
    'dimensional_alignment': Case(
        methods.dimensional_alignment(sgd(.01)),
        methods.dimensional_alignment(sgd(.01), forget_steps=0),
        remain=.9),
    'example_localization': Case(
        methods.example_localization(sgd(.05)), misled=knowing_init),
    'scissorhands': Case(
        methods.scissorhands(sgd(.003), share=.1, weight=.02, steps=100),
        misled=knowing_init, remain=.93),
    'partially_blinded': Case(
        methods.partially_blinded(adam(3e-4), gamma=1., steps=30),
        methods.partially_blinded(adam(3e-4), gamma=1e6, steps=30), remain=.9),
    'retention_masking': Case(
        methods.retention_masking(sgd(.05)),
        methods.retention_masking(sgd(.05), share=1.)),
}


def in_corner(case, found) -> bool:
  forgotten, remaining = found
  least, most = case.forget
  return least <= forgotten <= most and remaining >= case.remain


@pytest.fixture
def case(request, recipe):
  if request.param == 'retrain':
    return Case(methods.retrain(recipe), methods.original())
  return CASES[request.param]


# In every run: those that test_defaults.py leaves to this file, and the corners beside
# its own. It holds the others to theirs by their defaults, and test_alignment.py that of
# alignment to its equation.
DAILY = {'retrain', 'head_only', 'unsc', 'class_projection', 'esc', 'fine_tune',
         'gradient_ascent'}


@pytest.mark.parametrize('case', rows.daily(CASES, DAILY), indirect=True)
def test_reaches_its_corner(case, problem, accuracies):
  found = accuracies(case.method(problem, jax.random.key(1)))
  assert in_corner(case, found), found


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore:.*has no free direction left')
@pytest.mark.parametrize('case', CASES, indirect=True)
def test_sabotaged_does_not(case, problem, accuracies):
  method = case.sabotaged or case.method
  found = accuracies(method(case.misled(problem), jax.random.key(1)))
  assert not in_corner(case, found), found


def test_every_public_method_has_a_corner():
  rows = {*CASES, 'original'} - {'unsc_sequential'}
  assert rows == set(methods.__all__)


@pytest.mark.parametrize(('name', 'method'), [
    ('unsir', methods.unsir()), ('head_only', methods.head_only()),
    ('null-space alignment', methods.null_space_alignment())])
def test_those_for_classes_say_so(name, method, single):
  with pytest.raises(
      ValueError, match=f'{name} forgets whole classes, and this request names none'):
    method(single, jax.random.key(0))


CLASSES = (3, 5)


@pytest.mark.parametrize('name', rows.daily(
    ['class_projection', 'delete', 'eu_k', 'salun', 'unsc'],
    {'class_projection', 'delete', 'unsc'}))
def test_both_go_and_the_rest_stays(name, problem, digits):
  retain, forget = problem_lib.split_classes(digits.train, CLASSES)
  request = dataclasses.replace(
      problem, retain=retain, forget=forget, forget_classes=CLASSES)
  kept = digits.test.where(~np.isin(digits.test.y, CLASSES))
  done = CASES[name].method(request, jax.random.key(1))

  def right(params, examples):
    logits = training.predict(done.fn, params, examples.x)
    return (logits.argmax(-1) == examples.y).mean()
  for c in CLASSES:
    one = forget.where(forget.y == c)
    assert right(done.params, one) < .15
    assert right(request.params, one) > .95
  assert right(done.params, kept) > .93


def test_a_method_of_ones_own_has_one(problem, accuracies):
  """The example of docs/write-your-own-method.md runs, and is short."""
  blocks = re.findall(r'```python\n(.*?)```', PAGE.read_text(), re.S)
  assert len(blocks[0].strip().splitlines()) <= 30
  names = {'problem': problem}
  for block in blocks:
    exec(compile(block, str(PAGE), 'exec'), names)
  forgotten, remaining = accuracies(names['unlearned'])
  assert remaining > .95
  assert forgotten < .5  # fine-tuning alone leaves more
  # The edit alone, with no step after it, is a negation of that kernel.
  edited = names['negate']('params/fc1/kernel', steps=0)(problem, jax.random.key(0))
  moved = jax.tree.map(lambda a, b: np.array(a + b), edited.params, problem.params)
  assert not moved['params']['fc1']['kernel'].any()
  assert moved['params']['fc2']['kernel'].any()
