"""One word for what became of a request, and the rule by which it is found."""

from typing import Literal, NamedTuple

LEFT = .05  # of the original's gap; less of it counts as none
FAR = 2  # noise bands, for a measure that does not see the original


class Status(NamedTuple):
  """A word, and when it is said."""
  word: str
  sign: str  # beside the colour
  tone: Literal['good', 'warning', 'note']
  rule: str  # holds where none of those before it does


class Evidence(NamedTuple):
  """On how many measures something is so of one network.

  A measure can see where it flags the untouched original, and can tell where it flags
  the head-only control as well.
  """
  harm: int = 0  # accuracies on what remains: below retrained, and below the original
  seeing: int = 0  # measures of forgetting that can see
  answers: int = 0  # of those: knowledge is left in the answers
  telling: int = 0  # of those that can see: can tell
  behind: int = 0  # of those that can see: knowledge is left behind the answers
  masked: int = 0  # of those that can tell: as near to head-only as to retrained
  unlike: int = 0  # outside of the noise band in another way; far, of those that cannot see


HARMED = Status(
    'Harmed', '▼', 'warning',
    'The accuracy on what remains (on unseen data, where that was measured) lies below '
    'that of the retrained models and below the original’s, by more than the noise band.')
UNKNOWN = Status(
    'Cannot be told', '?', 'note',
    'There is no retrained model, or no measure that tells even the untouched original '
    'from one.')
NOT_FORGOTTEN = Status(
    'Not forgotten', '✕', 'warning',
    'The answers give it away: an accuracy on what was to be forgotten, or an attack on '
    f'the answers, keeps more than {100 * LEFT:.0f} % of the gap between the original and '
    'the retrained models, and lies outside their noise band.')
AT_THE_OUTPUT = Status(
    'Forgotten at the output only', '◐', 'warning',
    'The answers do not give it away. But a measure that looks behind them does, in the '
    'same sense; or one is as near to masking a logit as to retraining; or none can tell '
    'the two apart.')
UNLIKE = Status(
    'Unlike retrained', '≠', 'warning',
    'No measure finds knowledge left, but one that sees the original lies outside the '
    'noise band all the same, or one that does not see it lies outside of twice the band: '
    'too much was taken, or the answers are others.')
FORGOTTEN = Status(
    'Forgotten', '✓', 'good',
    'On every measure that can tell, it is like the retrained models, or keeps at most '
    f'{100 * LEFT:.0f} % of the original’s gap; and what remains is unharmed.')

RULES = (HARMED, UNKNOWN, NOT_FORGOTTEN, AT_THE_OUTPUT, UNLIKE, FORGOTTEN)


def status(evidence: Evidence) -> Status:
  """The first status of `RULES` that holds.

  Args:
    evidence: on how many measures something is so.

  Returns:
    The status.

  Example:
    >>> status(Evidence(seeing=5, telling=1)).word
    'Forgotten'
    >>> status(Evidence(seeing=5, telling=1, behind=1)).word
    'Forgotten at the output only'
  """
  if evidence.harm:
    return HARMED
  if not evidence.seeing:
    return UNKNOWN
  if evidence.answers:
    return NOT_FORGOTTEN
  if evidence.behind or evidence.masked or not evidence.telling:
    return AT_THE_OUTPUT
  return UNLIKE if evidence.unlike else FORGOTTEN
