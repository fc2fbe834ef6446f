"""What `--help` says of defaults that every data set has its own of."""

from collections.abc import Callable
from typing import Any

from experiments import settings as settings_lib


def tuned(read: Callable[[settings_lib.Settings], Any], none: str = 'all') -> Any:
  """Annotates an option whose default is the data set's.

  Args:
    read: what a data set's settings have for it.
    none: what None means.

  Returns:
    For `typing.Annotated`.

  Example:
    >>> tuned(lambda settings: settings.unlearning.steps).help_behavior_hint
    '(default: 300 on digits, else 150)'
  """
  import tyro  # where help is wanted; there may be none where scripts run

  names: dict[str, list[str]] = {}  # data sets by what they have
  for name, settings in settings_lib.SETTINGS.items():
    names.setdefault(_shown(read(settings), none), []).append(name)
  most = max(names, key=lambda value: len(names[value]))
  rest = [f'{value} on {" and ".join(of)}' for value, of in names.items() if value != most]
  shown = ', '.join([*rest, f'else {most}' if rest else most])
  return tyro.conf.arg(help_behavior_hint=f'(default: {shown})')


def _shown(value: Any, none: str) -> str:
  if value is None:
    return none
  if isinstance(value, tuple):
    return ' '.join(map(str, value))
  return f'{value:g}' if isinstance(value, float) else str(value)
