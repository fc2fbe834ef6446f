"""The page "What is captured", written from the table that is tested.

  python -m tests.capture.page > docs/what-is-captured.md
"""

import itertools

from tests.capture import case as case_lib
from tests.capture import table
from tests.capture import test_models

HEAD = """\
# What is captured

<!-- Written by `python -m tests.capture.page`; change the table there. -->

Before it changes a network, `unsc_jax` has to know what each parameter's inputs
are. It reads them off the program itself: off the jaxpr of `fn(params, *args)`,
whoever wrote `fn`. Each parameter is either captured *exactly*, or it is frozen
and listed with the reason. Nothing is guessed and nothing is skipped in silence:

```python
print(unsc_jax.sites(fn, params, x))
```

Every row below is a test. A change of all captured parameters that meets none of
their inputs must leave the network's outputs alone (to 1e-4; 2e-2 in bfloat16),
a random change of each must not, and updates projected by the library must leave
them alone as well. Rows marked *closed form* are also compared with sums of outer
products in float64, to 1e-5. They hold compiled or not, under `jax.grad` (the
gradient is the same with and without moments beside it), `jax.vmap`, `jax.pmap`
and `jax.shard_map`, except where the remark says otherwise.

Parameters that are added or that scale entry by entry (biases, norms) have no
inputs of their own. They are frozen unless you say `train_others=True`, which
gives up the guarantee.

What is captured can be subtracted: `M_all - M_forget` are the moments of what
remains, if every example meets each layer with the same inputs, equally often,
whatever batch it comes in. So not where an example's inputs depend on the rest of
its batch (BatchNorm in training) or on random numbers. Inputs that a whole batch
shares are counted once a batch: those that no argument reaches (positions, say)
are told apart and stay when a batch is subtracted; one that is an argument has to
be named, as in `input_moments(fn, data=lambda path: path != '1')` for the second
argument after the parameters.
"""


def row(case: case_lib.Case) -> str:
  """One line of a section's table."""
  frozen = [f'`{path}`: {whole(reason)}' for path, reason in case.uncaptured.items()]
  checked = 'closed form' if case.rows else 'test of truth'
  cells = [case.what, case.framework, '; '.join(frozen) or 'none', checked,
           ' '.join(filter(None, [case.remark, narrower(case)]))]
  return '| ' + ' | '.join(cell.replace('|', r'\|') for cell in cells) + ' |'


def whole(reason: str) -> str:
  """A reason as a sentence; a table may name how it begins where JAX's versions differ."""
  return reason + ('…`' if reason.count('`') % 2 else '')


def narrower(case: case_lib.Case) -> str:
  """Where a row is not tested, as a sentence; empty if it is everywhere."""
  missing = [f'`{name}`' for name in case_lib.CONTEXTS if name not in case.contexts]
  if case.contexts == case_lib.FORWARD:
    return 'Under `jvp` in place of `grad`.'
  return f'Not tested under {", ".join(missing)}.' if missing else ''


def page() -> str:
  """The whole page, in Markdown."""
  lines = [HEAD]
  for section, cases in itertools.groupby(
      table.CASES, key=lambda case: case.section):
    lines += [f'## {section}', '',
              '| what | framework | frozen, and why | checked by | remark |',
              '|---|---|---|---|---|', *map(row, cases), '']
  lines += ['## Whole models', '', '| model | captured, at least |', '|---|---|']
  lines += [f'| {name} | {model.captured:.0%} of the parameters |'
            for name, model in test_models.MODELS.items()]
  return '\n'.join(lines) + '\n'


if __name__ == '__main__':
  print(page(), end='')
