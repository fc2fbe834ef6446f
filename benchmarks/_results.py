"""What every benchmark writes: its rows, its claims, and where it ran."""

from collections.abc import Sequence
import json
import operator
import os
import pathlib
import platform
from typing import Any, NamedTuple

FOLDER = pathlib.Path(__file__).parent / 'results'
_RELATIONS = {'at least': operator.ge, 'at most': operator.le}


class Claim(NamedTuple):
  """A measured number that must be on one side of a bound."""
  what: str
  value: float
  relation: str  # 'at least' or 'at most'
  bound: float

  @property
  def holds(self) -> bool:
    return _RELATIONS[self.relation](self.value, self.bound)

  def __str__(self) -> str:
    verdict = 'holds' if self.holds else 'MISSED'
    return (f'{verdict}: {self.what}: {self.value:.3g}, '
            f'{self.relation} {self.bound:g}')


def file(name: str) -> pathlib.Path:
  """Where a benchmark writes: apart for a GPU, so that a CPU's figures stay."""
  import jax
  backend = jax.default_backend()
  FOLDER.mkdir(exist_ok=True)
  return FOLDER / f'{name}{"" if backend == "cpu" else f"_{backend}"}.json'


def publish(name: str, claims: Sequence[Claim], rows: Any, *, seed: int = 0,
            hardware: str | None = None) -> None:
  """Writes `file(name)`, prints rows and claims, and raises if one is missed.

  Args:
    name: the benchmark's module, without its package.
    claims: what it claims.
    rows: everything that was measured, as JSON.
    seed: of whatever was random.
    hardware: what it ran on, by default this machine's kind of device.

  Raises:
    AssertionError: a claim does not hold; the file is written nevertheless.
  """
  file(name).write_text(json.dumps({
      'benchmark': f'python -m benchmarks.{name}',
      'claims': [{**claim._asdict(), 'holds': claim.holds} for claim in claims],
      'rows': rows, 'seed': seed, 'versions': versions(),
      'hardware': hardware or device()}, indent=1) + '\n')
  print(*rows.items() if isinstance(rows, dict) else rows, sep='\n')
  print(f'\n{table(claims)}')
  missed = [str(claim) for claim in claims if not claim.holds]
  assert not missed, missed


def table(claims: Sequence[Claim]) -> str:
  """The claims in Markdown."""
  lines = ['| claim | measured | bound | |', '|---|---|---|---|']
  for claim in claims:
    verdict = 'holds' if claim.holds else '**missed**'
    lines.append(f'| {claim.what} | {claim.value:.3g} | {claim.relation} '
                 f'{claim.bound:.3g} | {verdict} |')
  return '\n'.join(lines)


def load(name: str) -> dict[str, Any]:
  """What a benchmark has written."""
  return json.loads((FOLDER / f'{name}.json').read_text())


def claims_in(results: dict[str, Any]) -> list[Claim]:
  """The claims of a results file, to be judged again."""
  return [Claim(*(claim[field] for field in Claim._fields))
          for claim in results['claims']]


def versions() -> dict[str, str]:
  import flax
  import jax
  import numpy as np
  import optax
  modules = {m.__name__: m.__version__ for m in (jax, flax, optax, np)}
  return {'python': platform.python_version(), **modules}


def device() -> str:
  """The kind of hardware, and how much of it this process may use."""
  import jax
  kind = jax.devices()[0].device_kind
  if jax.default_backend() != 'cpu':
    return kind
  cores = len(os.sched_getaffinity(0))
  return f'{platform.machine()} {kind}, {cores} core{"s" * (cores > 1)}'
