"""What the row groups of the UNSC paper share."""

from collections.abc import Iterable
import dataclasses

from experiments.contest import Config

# UNSC with its two filters, by Adam and by SGD, its ablation by random labels, and all that
# the published notebooks compare it with.
METHODS = ('random_label', 'gradient_ascent', 'boundary_shrink', 'fisher_forgetting', 'salun',
           'unsc_random_label', 'unsc_hard', 'unsc', 'unsc_momentum', 'unsc_hard_sgd')


def sweep(first: Config, sets: Iterable[tuple[int, ...]]) -> dict[str, Config]:
  """The first row, and the same network asked for more classes.

  Args:
    first: of one set of classes; what each of its methods is to run with is asked for
      anew in every row, as their surrogates differ.
    sets: of classes.

  Returns:
    Rows by their classes.

  Example:
    >>> [*sweep(Config(forget=(6,)), [(0, 6)])]
    ['6', '0-6']
  """
  rows = (first, *(dataclasses.replace(first, forget=classes) for classes in sets))
  return {'-'.join(map(str, row.forget)): row for row in rows}
