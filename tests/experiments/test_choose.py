"""The choice of settings: it forgets, and of those that do it moves least."""

import json

import pytest

from experiments import choose


@pytest.mark.slow
def test_the_choice_forgets_and_the_gentlest_is_first(tmp_path):
  out = tmp_path / 'choose.json'
  rows = choose.run(choose.Config(
      forget=(0,), energies=(.99,), adam=(2e-3,), momentum=(1e-6,),
      stops=(.005,), out=out))
  assert json.loads(out.read_text())['rows'] == rows
  chosen, other = rows
  assert chosen['optimizer'] == 'adam'
  assert chosen['probability'] <= .01
  # What hardly moves hardly drifts, and is no choice: it has not forgotten.
  assert other['drift'] < chosen['drift']
  assert other['forget'] > .5
