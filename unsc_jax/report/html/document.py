"""The HTML around a page: one file that needs no other and runs no script."""

from collections.abc import Sequence
from importlib import resources

from unsc_jax.report.html import markup

# Nothing is fetched, and a browser would refuse to.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def document(title: str, subtitle: str, sections: Sequence[markup.Section]) -> str:
  """A whole page.

  Args:
    title: plain text.
    subtitle: plain text below it.
    sections: in order, after the first one links to those that are not folded; those
      without content are left out.

  Returns:
    The file's text.
  """
  first, *rest = [part for part in sections if part.content]
  links = ' '.join(markup.element('a', markup.escape(part.title), href=f'#{part.name}')
                   for part in rest if not part.folded)
  nav = markup.element('nav', links, aria_label='Sections') if links else ''
  body = '\n'.join([markup.section(first), nav, *map(markup.section, rest)])
  style = resources.files('unsc_jax.report.html').joinpath('style.css').read_text(
      encoding='utf-8')
  return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<link rel="icon" href="data:,">
<title>{markup.escape(title)}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{markup.escape(title)}</h1>
{markup.paragraph(subtitle)}
</header>
<main>
{body}
</main>
</body>
</html>
"""
