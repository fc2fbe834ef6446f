"""Which measures can tell forgetting from doing nothing, and from masking a logit."""

from collections.abc import Collection, Iterable

from unsc_jax.report import comparison as comparison_lib
from unsc_jax.report import metrics as metrics_lib
from unsc_jax.report import status as status_lib


def seeing(comparison: comparison_lib.Comparison) -> list[str]:
  """The measures of forgetting that flag the original, which has forgotten nothing."""
  cells = comparison.judged(comparison_lib.ORIGINAL)
  return [key for key, metric in zip(cells, map(metrics_lib.describe, cells))
          if (metric.kind == 'likeness' and cells[key].place != 'like')
          or (metric.kind == 'forget' and cells[key].place == metric.left)]


def blind(comparison: comparison_lib.Comparison) -> list[str]:
  """The measures of forgetting on which even the original is like retrained."""
  return [key for key, cell in comparison.judged(comparison_lib.ORIGINAL).items()
          if metrics_lib.describe(key).kind == 'forget' and cell.place == 'like']


def telling(comparison: comparison_lib.Comparison) -> list[str]:
  """Those of them that flag the head-only control too: a mask is not enough.

  Without the control it is known only of what lies behind the answers, which it shares
  with the original; for single examples no mask is a rival.
  """
  if not comparison.maskable:
    return seeing(comparison)
  control = comparison.judged(comparison_lib.CONTROL)
  if comparison_lib.CONTROL not in comparison.methods:
    return [key for key in seeing(comparison) if metrics_lib.describe(key).behind]
  return [key for key in seeing(comparison)
          if key in control and control[key].place != 'like']


def passed(comparison: comparison_lib.Comparison, method: str, keys: Iterable[str]
           ) -> list[str]:
  """Those measures on which a method is like retrained, and not like a mask as well."""
  cells = comparison.judged(method)
  return [key for key in keys
          if key in cells and cells[key].place == 'like' and not cells[key].tie]


def like(comparison: comparison_lib.Comparison, method: str, keys: Collection[str]) -> int:
  """On how many measures it is like retrained, whatever they can tell."""
  return sum(cell.place == 'like' for key, cell in comparison.judged(method).items()
             if key in keys)


def left(comparison: comparison_lib.Comparison, method: str, *, behind: bool) -> list[str]:
  """The measures on which knowledge is left, most first: in the answers, or behind them."""
  cells = comparison.judged(method)
  kept = {key: _kept(comparison, key, cells[key]) for key in seeing(comparison)
          if key in cells and metrics_lib.describe(key).behind == behind}
  return sorted((key for key in kept if kept[key] > status_lib.LEFT),
                key=lambda key: -kept[key])


def unlike(comparison: comparison_lib.Comparison, method: str) -> list[str]:
  """The measures on which it is outside the noise band, and nothing is left.

  Those that do not see the original are many, so they have to be far outside.
  """
  able, found = seeing(comparison), []
  for key, cell in comparison.judged(method).items():
    outside = (metrics_lib.describe(key).kind in ('forget', 'likeness')
               and cell.place != 'like')
    if outside and (not _kept(comparison, key, cell) if key in able else
                    abs(cell.gap or 0.) > status_lib.FAR * (cell.band or 0.)):
      found.append(key)
  return found


def harm(comparison: comparison_lib.Comparison, method: str) -> list[str]:
  """Accuracies on what remains that are below retraining's band, and the original's.

  On unseen data, where it is measured: to remember less of what was trained on is no
  harm.
  """
  cells = comparison.judged(method)
  retained = [key for key in ('retain_test', 'retain_train') if key in cells][:1]
  found = []
  for key in retained:
    cell, before = cells[key], comparison.cells.get((comparison_lib.ORIGINAL, key))
    kept = before is not None and cell.mean >= before.mean - (cell.band or 0.)
    if cell.place == 'below' and not kept:
      found.append(key)
  return found


def evidence(comparison: comparison_lib.Comparison, method: str) -> status_lib.Evidence:
  """What the measures show of a method, as `status.status` takes it."""
  able, cells = telling(comparison), comparison.judged(method)
  return status_lib.Evidence(
      harm=len(harm(comparison, method)),
      seeing=sum(key in cells for key in seeing(comparison)),
      answers=len(left(comparison, method, behind=False)),
      telling=sum(key in cells for key in able),
      behind=len(left(comparison, method, behind=True)),
      masked=sum(bool(cells[key].tie) for key in able
                 if key in cells and cells[key].place == 'like'),
      unlike=len(unlike(comparison, method)))


def status(comparison: comparison_lib.Comparison, method: str) -> status_lib.Status:
  """The word for a method."""
  return status_lib.status(evidence(comparison, method))


def _kept(comparison, key, cell) -> float:
  """The share of the original's gap that is left of it; 0 where nothing is."""
  metric = metrics_lib.describe(key)
  if metric.kind != 'forget' or cell.place != metric.left:
    return 0.
  return cell.gap / comparison.cells[comparison_lib.ORIGINAL, key].gap
