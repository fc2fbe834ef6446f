"""Links of pages that lead out of docs/, or to a folder, lead to the repository on the site.

A hook of MkDocs. So the same link is right on GitHub and here; one that leads nowhere is
left alone, and `mkdocs build --strict` refuses it.
"""

import pathlib
import posixpath
import re

ROOT = pathlib.Path(__file__).parents[1]
LINK = re.compile(r'(?<=\]\()(?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?(?=\))')


def on_page_markdown(markdown, *, page, config, files):
  """Rewrites the links of a page, before it becomes HTML."""
  folder = posixpath.dirname(page.file.src_uri)

  def lead(found):
    target = posixpath.normpath(posixpath.join('docs', folder, found[1]))
    inside = target.removeprefix('docs/')
    path = ROOT / target
    if (target != inside and inside in files.src_uris) or not path.exists():
      return found[0]
    kind = 'tree' if path.is_dir() else 'blob'
    return f'{config.repo_url}/{kind}/main/{target}{found[2] or ""}'

  return LINK.sub(lead, markdown)
