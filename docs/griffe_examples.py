"""A docstring's `Example:` is shown as code on the site.

A Griffe extension: of sections, Griffe takes `Examples:` for doctests, and one of them is
one example.
"""

import re

import griffe


class Singular(griffe.Extension):
  """Lets Griffe see the section."""

  def on_object(self, *, obj, **_):
    if obj.docstring:
      obj.docstring.value = re.sub(r'(?m)^Example:$', 'Examples:', obj.docstring.value)
