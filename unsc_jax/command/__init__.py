"""`unsc-jax`: forget, evaluate, inspect, report, compare, and requests, from files to files.

Exit codes: 0 done, 2 refused, with one sentence of why, 130 interrupted; those of
`requests` are its own.
"""

from collections.abc import Sequence
import sys


def main(arguments: Sequence[str] | None = None) -> int:
  """Runs a verb; what it needs is imported here, so that a lack can be told.

  Args:
    arguments: by default those of the process.

  Returns:
    The exit code.
  """
  try:
    from unsc_jax.command import verbs
  except ImportError as error:
    if error.name not in ('tyro', 'tqdm'):
      raise
    print("error: the command needs tyro and tqdm: pip install 'unsc_jax[report]'.",
          file=sys.stderr)
    return 2
  return verbs.run(sys.argv[1:] if arguments is None else [*arguments])
