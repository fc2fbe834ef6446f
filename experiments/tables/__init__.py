"""The papers' tables as data: a module a row group, a `contest.Config` a row.

`ROWS` has all of them by `group/row`; `python -m experiments.tables` runs one.
"""

from collections.abc import Mapping
import dataclasses

from experiments.contest import Config
from experiments.tables import ablations
from experiments.tables import cifar10
from experiments.tables import cifar100
from experiments.tables import del_sets
from experiments.tables import fashion_mnist
from experiments.tables import loft
from experiments.tables import pbu
from experiments.tables import random_share
from experiments.tables import svhn

__all__ = ('GROUPS', 'ROWS', 'Config')

GROUPS = {group.__name__.rpartition('.')[2]: group for group in (
    fashion_mnist, cifar10, svhn, cifar100, random_share, del_sets, loft, pbu, ablations)}
ROWS: Mapping[str, Config] = {
    f'{name}/{row}': dataclasses.replace(config, name=f'{name}-{row}')
    for name, group in GROUPS.items() for row, config in group.ROWS.items()}
