"""Which measures have no value, and why, in sentences."""

from collections.abc import Collection

from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import metrics as metrics_lib
from unsc_jax.report import wording


def sentences(comparison: comparison_lib.Comparison, keys: Collection[str] | None = None
              ) -> list[str]:
  """A sentence for every reason, with the measures and methods that it holds for.

  Args:
    comparison: of results.
    keys: of the measures to speak of; None for all.

  Returns:
    Sentences in the order of the measures.

  Example:
    >>> sentences(comparison_lib.Comparison((), (), {}, 0, {
    ...     ('unsc', 'probe'): 'no test image is of the class.'}))
    ['Linear probe, of UNSC: no test image is of the class.']
  """
  known = [key for key in metrics_lib.in_order(key for _, key in comparison.reasons)
           if keys is None or key in keys]
  methods: dict[tuple[str, str], list[str]] = {}  # by reason and measure
  for key in known:
    for (method, other), reason in comparison.reasons.items():
      if other == key:
        methods.setdefault((reason, key), []).append(wording.method(method))
  measures: dict[tuple[str, tuple[str, ...]], list[str]] = {}  # by reason and methods
  for (reason, key), names in methods.items():
    measures.setdefault((reason, tuple(names)), []).append(metrics_lib.describe(key).name)
  return [f'{_listed(names)}, of {_listed(of)}: {reason}'
          for (reason, of), names in measures.items()]


def _listed(names: Collection[str]) -> str:
  """At most six of them, the first capital."""
  first, *rest = names
  return wording.listing([first, *map(wording.low, rest)], most=6)
