"""Docstrings as the site shows them: equations as MathML, an `Example:` as code.

A Griffe extension. Browsers set MathML themselves, so that no script is fetched from
elsewhere to do it. Of sections Griffe knows `Examples:`, and one of them is one example.
"""

import re

import griffe
from latex2mathml import converter

# The equation follows on the same line or after an empty one; further lines are indented.
DISPLAYED = re.compile(
    r'^\.\. math::(?:[ \t]*\n\n)?(?P<tex>.*\S.*(?:\n[ \t]+\S.*)*)', re.MULTILINE)
INLINE = re.compile(r':math:`(?P<tex>[^`]+)`')
EXAMPLE = re.compile(r'^Example:$', re.MULTILINE)


class Shown(griffe.Extension):
  """Rewrites each docstring before its sections are read."""

  def on_object(self, *, obj, **_):
    if obj.docstring:
      text = DISPLAYED.sub(lambda found: _mathml(found['tex'], 'block'), obj.docstring.value)
      text = INLINE.sub(lambda found: f'<span>{_mathml(found["tex"], "inline")}</span>', text)
      obj.docstring.value = EXAMPLE.sub('Examples:', text)


def _mathml(tex: str, display: str) -> str:
  return converter.convert(' '.join(tex.split()), display=display)
