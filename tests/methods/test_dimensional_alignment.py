"""The alternating steps of dimensional alignment against numpy."""

import jax
import numpy as np
import optax
import pytest

from unsc_jax import capture
from unsc_jax import evaluation
from unsc_jax import methods
from unsc_jax import training
from unsc_jax.methods.dimensional_alignment import misalignment
from unsc_jax.methods.dimensional_alignment import span
from unsc_jax.parts import head

KEY = jax.random.key(0)


def projector(ref, params, x, energy):
  u, s, _ = np.linalg.svd(ref.hidden(params, x).T)
  k = 1 + int(np.sum(np.cumsum(s**2) < energy * np.sum(s**2)))
  return u[:, :k] @ u[:, :k].T


def test_forget_and_recover(toy, ref):
  params, x, energy, weight = ref.params(toy), toy.forget.x, .8, 3.
  q = ref.softmax(np.where(np.arange(3) == 2, -np.inf, ref.logits(params, x)))
  expected = params
  for _ in range(2):
    v = projector(ref, expected, toy.retain.x, energy)

    def forget(p, v=v):
      z = ref.hidden(p, x)
      inside = np.square(z @ v).sum(-1) / np.square(z).sum(-1)
      return ref.kl(q, ref.softmax(ref.logits(p, x))) + weight * (1 - inside).mean()

    expected = ref.descend(
        expected, .05, forget, lambda p: ref.cross_entropy(p, toy.retain))
  method = methods.dimensional_alignment(
      optax.sgd(.05), weight=weight, energy=energy, rounds=2, forget_steps=1,
      retain_steps=1, batch_size=20)
  # Twenty: the ten forget examples twice.
  ref.assert_close(method(toy, KEY).params, expected, 1e-3)


def test_regulariser_is_one_less_the_metric(toy, ref):
  params = ref.params(toy)
  retain, forget = (ref.hidden(params, e.x).astype(np.float32)
                    for e in (toy.retain, toy.forget))
  metric = evaluation.dimensional_alignment(retain, forget, energy=.8).sample.value
  found = misalignment(forget, span(retain, .8))
  assert float(found) == pytest.approx(1 - float(metric), abs=1e-5)


def test_raises_alignment_more_than_without(problem):
  read = capture.layer_inputs(problem.fn, head.site(problem).path)
  def aligned(weight):
    done = methods.dimensional_alignment(
        optax.sgd(.01, momentum=.9), weight=weight, rounds=2)(problem, KEY)
    z = [training.predict(read, done.params, e.x)
         for e in (problem.retain, problem.forget)]
    return float(evaluation.dimensional_alignment(*z, rank=9).sample.value)
  assert aligned(10.) > aligned(0.)
