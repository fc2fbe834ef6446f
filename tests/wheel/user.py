"""A user's script, for type checkers alone: what comes back of the library is no `Any`.

A name that the package does not have has to be an error: both checkers are told that
these lines are, and complain where they are not.
"""

from typing import Any, assert_type

from matplotlib import figure
import numpy as np
import optax

import unsc_jax
from unsc_jax import data
from unsc_jax import methods
from unsc_jax import models
from unsc_jax import problem
from unsc_jax import report
from unsc_jax import training


def forget(params: Any) -> report.Results:
  digits = data.load('digits')
  assert_type(digits.train, unsc_jax.Examples)
  assert_type(digits.class_names, tuple[str, ...])
  network = models.from_linen(models.MLP(), (8, 8, 1))
  retain, _ = problem.split_classes(digits.train, [3])
  assert_type(retain, unsc_jax.Examples)
  recipe = training.Recipe(lambda steps: optax.adam(2e-3), epochs=1, batch_size=64)
  asked = unsc_jax.Problem(network, params, *problem.split_classes(digits.train, [3]),
                           num_classes=10, forget_classes=(3,))
  results = unsc_jax.evaluate(asked, [methods.unsc()], digits.test, recipe=recipe)
  assert_type(results, unsc_jax.Results)
  assert_type(results.table('csv'), str)
  assert_type(results.figure('gaps'), figure.Figure)
  assert_type(results.rows[0].metrics.get('probe'), float | None)
  assert_type(unsc_jax.Results.load('runs/mine'), unsc_jax.Results)
  return results


def confine(batches: list[np.ndarray], params: Any) -> optax.GradientTransformation:
  pass_over = unsc_jax.input_moments(lambda params, x: x @ params['w'])
  moments = unsc_jax.accumulate(pass_over, params, batches)
  assert_type(moments, unsc_jax.Moments)
  assert_type(moments - moments, unsc_jax.Moments)
  bases = unsc_jax.null_space_bases(moments, energy=.99)
  assert_type(bases, unsc_jax.Bases)
  return unsc_jax.project_updates(optax.adam(1e-3), bases)


def misspelt() -> None:
  print(unsc_jax.evalute)  # type: ignore
  methods.unsc(step=3)  # type: ignore
  print(data.load('digits').trian)  # type: ignore
