"""The example of docs/write-your-own-method.md runs, and is short."""

import pathlib
import re

import jax
import numpy as np

PAGE = pathlib.Path(__file__).parents[2] / 'docs' / 'write-your-own-method.md'


def test_example_runs(problem, accuracies):
  blocks = re.findall(r'```python\n(.*?)```', PAGE.read_text(), re.S)
  assert len(blocks[0].strip().splitlines()) <= 30
  names = {'problem': problem}
  for block in blocks:
    exec(compile(block, str(PAGE), 'exec'), names)
  forgotten, remaining = accuracies(names['unlearned'])
  assert remaining > .95
  assert forgotten < .5  # fine-tuning alone leaves more, see test_corners.py
  # The edit alone, with no step after it, is a negation of that kernel.
  edited = names['negate']('params/fc1/kernel', steps=0)(problem, jax.random.key(0))
  moved = jax.tree.map(lambda a, b: np.array(a + b), edited.params, problem.params)
  assert not moved['params']['fc1']['kernel'].any()
  assert moved['params']['fc2']['kernel'].any()
