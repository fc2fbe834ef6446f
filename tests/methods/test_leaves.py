"""Every method leaves alone what cannot or may not be trained, and keeps every dtype."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests import rows
from unsc_jax import methods
from unsc_jax import null_space
from unsc_jax import problem as problem_lib
from unsc_jax import training

KEY = jax.random.key(0)
SCALE = np.array([1., 1., 1., 1., .1, .1])  # leaves the first layer room
FROZEN = ('a/kernel', 'norm/mean')
sgd = optax.sgd(.1)

METHODS = {
    'bad_teacher': methods.bad_teacher(sgd, steps=2),
    'boundary_shrink': methods.boundary_shrink(sgd, steps=2),
    'cf_k': methods.cf_k(sgd, k=2, steps=2),
    'class_projection': methods.class_projection(),
    'delete': methods.delete(sgd, steps=2),
    'dimensional_alignment': methods.dimensional_alignment(sgd, rounds=1),
    'esc': methods.esc(),
    'eu_k': methods.eu_k(sgd, k=2, steps=2),
    'example_localization': methods.example_localization(sgd, share=.9, steps=2),
    'fine_tune': methods.fine_tune(sgd, steps=2),
    'fisher_forgetting': methods.fisher_forgetting(1e-2),
    'gradient_ascent': methods.gradient_ascent(sgd, steps=2),
    'influence': methods.influence(100.),
    'influence_published': methods.influence(100., published=True),
    'l1_sparse': methods.l1_sparse(sgd, steps=2),
    'loft': methods.loft(2, polish_steps=2),
    'min_norm_og': methods.min_norm_og(sgd, strength=.5, examples=4, steps=3),
    'msg': methods.msg(sgd, steps=2),
    'neggrad_plus': methods.neggrad_plus(sgd, steps=2),
    'null_space_alignment': methods.null_space_alignment(null_space.pooled(.5), sgd, steps=2),
    'orthograd': methods.orthograd(sgd, retain_batch_size=4, steps=2),
    'partially_blinded': methods.partially_blinded(sgd, steps=2),
    'pgu': methods.pgu(sgd, share=.5, steps=2),
    'random_label': methods.random_label(sgd, steps=2),
    'regun': methods.regun(sgd, steps=2),
    'retention_masking': methods.retention_masking(sgd, share=.2, steps=2),
    'retrain': methods.retrain(training.Recipe(lambda steps: sgd, 1, 10)),
    'salun': methods.salun(sgd, share=.9, rounds=1),
    'scissorhands': methods.scissorhands(sgd, share=.9, steps=2),
    'scrub': methods.scrub(sgd, rounds=2),
    'ssd': methods.ssd(.5, .1),
    'uam': methods.uam(sgd, steps=2),
    'lower_logits': methods.lower_logits(methods.unsc(
        null_space.pooled(.5), sgd, steps=2, stop_below=-1.)),
    'unsc': methods.unsc(null_space.pooled(.5), sgd, steps=2, stop_below=-1.),
    'unsir': methods.unsir(sgd, sgd, noise_steps=1, noise_batch=4, noise_copies=1),
}


@functools.cache
def _problem(dtype=jnp.float32, frozen=FROZEN):
  """A two-layer network with running statistics, a counter and a random key."""
  def fn(params, x):
    x = x.astype(dtype) - params['norm']['mean']
    x = x * (params['count'] + 1).astype(dtype)
    h = jax.nn.relu(x @ params['a']['kernel'] + params['a']['bias'])
    return h @ params['b']['kernel'] + params['b']['bias']

  @jax.jit
  def init(key):
    normal = lambda i, *shape: jax.random.normal(jax.random.fold_in(key, i), shape, dtype)
    return {'a': {'kernel': normal(0, 6, 5), 'bias': normal(1, 5)},
            'b': {'kernel': normal(2, 5, 3), 'bias': normal(3, 3)},
            'norm': {'mean': normal(4, 6) / 8},
            'count': jnp.zeros((), jnp.int32), 'dropout': key}

  rng = np.random.default_rng(0)
  data = problem_lib.Examples(
      (SCALE * rng.normal(size=(30, 6))).astype(np.float32), np.repeat(np.arange(3), 10))
  retain, forget = problem_lib.split_classes(data, [2])
  network = problem_lib.Network(fn, init, trainable=lambda path: path not in frozen)
  return problem_lib.Problem(
      network, init(jax.random.key(7)), retain, forget, 3, (2,), held_out=data)


def _bits(leaf):
  key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
  return np.asarray(jax.random.key_data(leaf) if key else leaf).tobytes()


def _leaves(params):
  found = jax.tree_util.tree_leaves_with_path(params)
  return {jax.tree_util.keystr(path, simple=True, separator='/'): leaf for path, leaf in found}


def _check(problem, done, frozen):
  before, after = _leaves(problem.params), _leaves(done.params)
  assert {path: (leaf.shape, leaf.dtype) for path, leaf in after.items()} == {
      path: (leaf.shape, leaf.dtype) for path, leaf in before.items()}
  moved = {path for path in before if _bits(before[path]) != _bits(after[path])}
  assert not moved & {*frozen, 'count', 'dropout'}
  assert np.isfinite(np.asarray(after['b/kernel'], float)).all()
  return moved


def test_every_method_is_here():
  names = {name.removesuffix('_published') for name in METHODS}
  assert names == {*methods.__all__} - {'original', 'head_only'}


# Those that edit weights themselves, and one of those that descend a loss; the others
# share its loop, and are in long runs.
DAILY = {'class_projection', 'delete', 'esc', 'fisher_forgetting', 'influence', 'loft', 'retrain',
         'scissorhands', 'ssd', 'unsc', 'unsir'}


@pytest.mark.filterwarnings('ignore:.*no free direction left')
@pytest.mark.parametrize('name', rows.daily(METHODS, DAILY))
def test_what_cannot_or_may_not_be_trained_stays_and_bfloat16_is_kept(name):
  problem = _problem(jnp.bfloat16)
  done = METHODS[name](problem, KEY)
  if name == 'retrain':  # from a fresh start, whose frozen leaves are its own
    problem = dataclasses.replace(problem, params={
        name: leaf if name == 'b' else done.params[name] for name, leaf in problem.params.items()})
  assert _check(problem, done, FROZEN)


@pytest.mark.parametrize('name', ['class_projection', 'esc', 'loft', 'fisher_forgetting',
                                  'eu_k', 'example_localization'])
def test_a_frozen_head_is_no_method_s_to_edit(name):
  frozen = ('a/kernel', 'norm/mean', 'b/kernel')
  problem = _problem(frozen=frozen)
  _check(problem, METHODS[name](problem, KEY), frozen)


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore:.*no free direction left')
@pytest.mark.parametrize('name', {*METHODS} - {'retrain'})
def test_float16_is_kept(name):
  problem = _problem(jnp.float16)
  _check(problem, METHODS[name](problem, KEY), FROZEN)
