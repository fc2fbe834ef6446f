"""The verbs of the command, and which of them was given."""

from collections.abc import Sequence
import dataclasses
import importlib.metadata
import sys
from typing import Annotated, Any

import tyro

from unsc_jax.command import asked
from unsc_jax.command import evaluate
from unsc_jax.command import forget
from unsc_jax.command import inspecting
from unsc_jax.command import pages
from unsc_jax.command import running
from unsc_jax.requests import __main__ as requests


@dataclasses.dataclass(frozen=True)
class Requests:
  """Forget again and again from a store beside a model; `unsc-jax requests --help`."""


def _verb(name: str) -> Any:
  return tyro.conf.subcommand(name, prefix_name=False)


Verb = (
    Annotated[forget.Forget, _verb('forget')]
    | Annotated[evaluate.Evaluate, _verb('evaluate')]
    | Annotated[inspecting.Inspect, _verb('inspect')]
    | Annotated[pages.Report, _verb('report')]
    | Annotated[pages.Compare, _verb('compare')]
    | Annotated[Requests, _verb('requests')])


def run(arguments: Sequence[str]) -> int:
  """Runs what the arguments ask for; returns the exit code."""
  if '--version' in arguments[:1]:
    print(f'unsc_jax {importlib.metadata.version("unsc_jax")}, '
          f'jax {importlib.metadata.version("jax")}')
    return 0
  if arguments[:1] == ['requests']:  # a command of its own, with its own codes
    return requests.main(arguments[1:])
  verb: Any = Verb
  given = tyro.cli(verb, args=arguments, prog='unsc-jax',
                   description='Machine unlearning in JAX: forget, and show that it is so.')
  try:
    with running.told(['unsc-jax', *arguments], given,
                      beating=isinstance(given, asked.Asked)):
      return given.run() or 0
  except SystemExit as ended:
    if not isinstance(ended.code, str):
      return ended.code or 0
    print(ended.code, file=sys.stderr)
    return 2
  return 0  # who reads along has seen enough
