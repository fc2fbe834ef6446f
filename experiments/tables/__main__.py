"""Runs one row of the papers' tables; every option can be given another value.

  python -m experiments.tables fashion_mnist/6 --seeds 0
  python -m experiments.tables ablations/digits --help

What a group expects, costs and publishes stands at the head of its module.
"""

import tyro

from experiments import compare
from experiments import tables
from unsc_jax.command import running

Config = tyro.extras.subcommand_type_from_defaults(
    dict(tables.ROWS), {name: tables.GROUPS[name.split('/')[0]].__doc__.splitlines()[0]
                        for name in tables.ROWS})
run = compare.run

if __name__ == '__main__':
  running.main(run, Config, __doc__)
