"""Control flow that holds layers: `scan`, `while_loop`, `cond`.

A rule evaluates an equation of `trace`'s walk: `(walk, eqn, ins, marks, totals) ->
(outs, marks, totals)`, where marks say which parameter a value is a view of.

A loop's totals travel in its carry, so that they need no memory per step. A
parameter that a loop only hands on keeps its view; one that changes on the way
is given up. Of stacked parameters every step sees one layer, at an index that
the step counts, so that its statistics land in that layer's place.

What a loop's body finds is learnt in rehearsals: traces of shapes alone, until
the marks that enter the body are those that leave it.
"""

from collections.abc import Callable

import jax
from jax import lax
import jax.extend.core as jex
import jax.numpy as jnp

from unsc_jax import paths
from unsc_jax.capture import varying
from unsc_jax.capture import views


def scan(walk, eqn, ins, marks, totals):
  """The rule of `lax.scan`: stacked parameters are one layer a step."""
  p = eqn.params
  body, nc, nk = p['jaxpr'], p['num_consts'], p['num_carry']
  reverse, last = p['reverse'], p['length'] - 1
  consts, carry, xs = ins[:nc], ins[nc:nc + nk], ins[nc + nk:]
  const_marks, xs_marks = marks[:nc], marks[nc + nk:]
  for i, mark in enumerate(xs_marks):
    if isinstance(mark, views.Joined) and mark.axis == 0:
      totals = walk.give_up(mark, 'stacked on others before a `scan`', totals)
      xs_marks[i] = None

  def step(walk, kept, totals, i, carry, x):
    layer = [_layer(mark, last - i if reverse else i) for mark in xs_marks]
    outs, after, totals = walk.run(
        body.jaxpr, body.consts, [*consts, *carry, *x],
        [*const_marks, *kept, *layer], totals)
    # Carried values keep their marks; what is stacked may be a parameter again.
    stacked = [_stacked(y, [*const_marks, *kept], layer, xs_marks, p['length'])
               for y in after[nk:]]
    totals = _escaped(walk, after, [*kept, *stacked], totals, 'scan')
    return outs, [*after[:nk], *stacked], totals

  def any_step(walk, kept, totals, i, carry, xs):
    return step(walk, kept, totals, i, carry, [*map(varying.entry, xs)])

  zero = jnp.zeros((), jnp.int32)
  kept, stacked, totals = _settle(
      walk, marks[nc:nc + nk], any_step, totals, zero, carry, xs)
  totals = _changed(walk, marks[nc:nc + nk], kept, totals, 'scan')
  again = walk.rehearsal()

  def scanned(state, x):
    i, carry, totals = state
    outs, _, totals = step(again, kept, totals, i, carry, x)
    return (i + 1, outs[:nk], totals), outs[nk:]

  (_, carry, totals), ys = lax.scan(
      scanned, (zero, carry, totals), xs, length=p['length'], reverse=reverse,
      unroll=p['unroll'])
  return [*carry, *ys], [*kept, *stacked], totals


def while_loop(walk, eqn, ins, marks, totals):
  """The rule of `lax.while_loop`: what its test reads is no layer.

  None if it cannot be entered. Vectorised, its examples may end at different
  steps. Those that have ended still run along, as often as the others of their
  batch want: what they meet then must not count, and cannot be told apart.
  """
  p = eqn.params
  test, body = p['cond_jaxpr'], p['body_jaxpr']
  if test.out_avals[0].shape:
    return None
  nt, nb = p['cond_nconsts'], p['body_nconsts']
  state = ins[nt + nb:]

  def step(walk, kept, totals, state):
    outs, after, totals = walk.run(
        body.jaxpr, body.consts, [*ins[nt:nt + nb], *state],
        [*marks[nt:nt + nb], *kept], totals)
    if views.DATA in _read_by(test.jaxpr, [*marks[:nt], *kept]):
      # Data say how often the loop runs, so also what it has counted to.
      after = [mark or views.DATA for mark in after]
    return outs, after, _escaped(walk, after, kept, totals, 'while_loop')

  kept, _, totals = _settle(walk, marks[nt + nb:], step, totals, state)
  totals = _changed(walk, marks[nt + nb:], kept, totals, 'while_loop')
  for mark in _read_by(test.jaxpr, [*marks[:nt], *kept]):
    totals = walk.give_up(mark, 'read to decide when a `while_loop` ends', totals)
  again = walk.rehearsal()

  def advance(state):
    outs, _, totals = step(again, kept, state[1], state[0])
    return outs, totals

  state, totals = lax.while_loop(
      lambda s: jex.jaxpr_as_fun(test)(*ins[:nt], *s[0])[0],
      advance, (state, totals))
  return state, kept, totals


def cond(walk, eqn, ins, marks, totals):
  """The rule of `lax.cond` and `lax.switch`: only the branch that runs counts."""
  index, *operands = ins
  totals = walk.give_up(marks[0], 'read to decide which branch runs', totals)

  def branch_fn(branch):
    def run(walk, agreed, totals, operands):
      outs, after, totals = walk.run(
          branch.jaxpr, branch.consts, operands, marks[1:], totals)
      totals = _escaped(walk, after, agreed, totals, 'cond')
      return outs, after, totals
    return run

  branches = [branch_fn(branch) for branch in eqn.params['branches']]
  nothing = [None] * len(eqn.outvars)
  first, *others = [_rehearse(walk, run, nothing, totals, operands)[1]
                    for run in branches]
  agreed = first  # what all branches hand on alike
  for other in others:
    agreed = [*map(views.join, agreed, other)]
  for run in branches:
    again, _, shapes = _rehearse(walk, run, agreed, totals, operands)
    walk.adopt(again)
    totals = varying.zeros_unless(totals, shapes)
  again = walk.rehearsal()

  def real(run):
    def chosen(totals, operands):
      outs, _, totals = run(again, agreed, totals, operands)
      return outs, totals
    return chosen

  outs, totals = lax.switch(index, [*map(real, branches)], totals, operands)
  return outs, agreed, totals


def _rehearse(walk, run: Callable, known, totals, *args):
  """Traces `run` for shapes alone: the walk, the marks and totals it ends with."""
  again = walk.rehearsal()

  def dry(totals, *args):
    _, after, totals = run(again, known, totals, *args)
    return paths.Static(after), totals

  after, shapes = jax.eval_shape(dry, totals, *args)
  return again, after.value, shapes


def _settle(walk, marks, step: Callable, totals, *args):
  """What holds before every step of a loop: marks and, to add to, totals.

  The walk takes over what the last rehearsal finds. The marks of anything else
  that a step returns follow those of the carry.
  """
  kept = list(marks)
  while True:
    again, after, shapes = _rehearse(walk, step, kept, totals, *args)
    joined = [*map(views.join, kept, after[:len(kept)])]
    if all(map(views.same, joined, kept)):
      walk.adopt(again)
      return kept, after[len(kept):], varying.zeros_unless(totals, shapes)
    kept = joined


def _layer(mark, at):
  """One layer of stacked parameters, inside a scan's body."""
  take = lambda view: views.squeeze(views.index(view, 0, at), (0,))
  if isinstance(mark, views.Joined):
    return views.Joined(mark.axis - 1, tuple(map(take, mark.parts)))
  return take(mark) if isinstance(mark, views.View) else mark


def _stacked(mark, constant, layer, stacks, length: int):
  """What a scan returns of the values that its steps return one by one."""
  for entry, stack in zip(layer, stacks):
    if mark and views.same(mark, entry):
      return stack
  if isinstance(mark, views.View) and any(
      views.same(mark, other) for other in constant):
    return views.repeat(mark, length)
  return None if mark else mark


def _changed(walk, before, kept, totals, loop: str):
  """Gives up parameters that a loop's body replaces by something else."""
  for was, mark in zip(before, kept):
    if was and not mark:
      totals = walk.give_up(was, f'carried and changed by a `{loop}`', totals)
  return totals


def _escaped(walk, after, known, totals, loop: str):
  """Gives up parameters that a loop's body returns as something new."""
  for mark, same in zip(after, known, strict=True):
    if mark and not same:
      totals = walk.give_up(mark, f'returned by the body of a `{loop}`', totals)
  return totals


def _read_by(jaxpr, marks) -> list:
  """Those of the marks whose values a jaxpr reads at all."""
  used = {v for v in [*jaxpr.outvars, *(v for e in jaxpr.eqns for v in e.invars)]
          if not isinstance(v, jex.Literal)}
  return [mark for var, mark in zip(jaxpr.invars, marks, strict=True)
          if var in used]


RULES = {'scan': scan, 'while': while_loop, 'cond': cond}
