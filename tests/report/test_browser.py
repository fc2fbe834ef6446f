"""The page in headless Chromium, over the DevTools pipe.

Screenshots go to pytest's temporary folder, or to UNSC_SCREENSHOTS if that is
set, to be looked at by a person.
"""

import base64
from dataclasses import replace
import os
import pathlib

import pytest

from tests.report import chromium
from unsc_jax import report

# name: width, height, dark
VIEWS = {'desktop': (1280, 900, False), 'desktop-dark': (1280, 900, True),
         'phone': (390, 844, False), 'phone-dark': (390, 844, True)}


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> pathlib.Path:
  if chosen := os.environ.get('UNSC_SCREENSHOTS'):
    path = pathlib.Path(chosen)
    path.mkdir(parents=True, exist_ok=True)
    return path
  return tmp_path_factory.mktemp('screenshots')


@pytest.fixture(scope='module')
def page(folder, full) -> pathlib.Path:
  """Every figure; of the layers' spectra, which are alike, one."""
  path = folder / 'report.html'
  results = replace(full(), layers=full().layers[:1])
  path.write_text(report.render(results), encoding='utf-8')
  return path


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
  program = chromium.program()
  if not program:
    pytest.skip('there is no chromium here (Debian: apt install chromium)')
  with chromium.launched(program, tmp_path_factory.mktemp('profile')) as driven:
    for domain in ('Page', 'Runtime', 'Log', 'Network'):
      driven(f'{domain}.enable')
    yield driven


# Pages of real runs, where any are kept.
WRITTEN = sorted((pathlib.Path(__file__).parents[2] / 'docs').glob('examples/**/*.html'))


@pytest.mark.parametrize('written', WRITTEN, ids=lambda path: path.parent.name)
def test_the_page_of_a_real_run_opens_and_its_figures_are_heard(written, browser):
  for width, height in ((1280, 900), (390, 844)):
    _open(browser, written, width, height, False)
    assert browser.evaluate('document.documentElement.scrollWidth') <= width
    assert not _complaints(browser)
    assert _requests(browser) == [written.as_uri()]
  _open_all(browser)
  _check_heard(browser, least=4)


@pytest.mark.parametrize('view', VIEWS)
def test_opens_without_errors_or_requests_and_fits(view, browser, folder, page):
  width, height, dark = VIEWS[view]
  _open(browser, page, width, height, dark)
  _screenshot(browser, folder / f'{view}-first.png', whole=False)
  _open_all(browser)

  # Nothing is wider than the screen, but what scrolls on its own.
  assert browser.evaluate('innerWidth') == width
  assert browser.evaluate('document.documentElement.scrollWidth') <= width
  lightness = browser.evaluate(
      'getComputedStyle(document.body).backgroundColor.match(/\\d+/g)'
      '.reduce((sum, c) => sum + Number(c), 0) / 3')
  assert lightness < 60 if dark else lightness > 200
  # Text in figures takes the page's colour, and is large enough to read.
  assert browser.evaluate(
      'getComputedStyle(document.querySelector("svg text")).fill ==='
      'getComputedStyle(document.body).color')
  assert browser.evaluate(
      'Math.min(...[...document.querySelectorAll("svg text")].filter('
      't => t.checkVisibility()).map(t => t.getBoundingClientRect().height))') > 8

  assert _screenshot(browser, folder / f'{view}.png').startswith(b'\x89PNG')

  assert not _complaints(browser)
  assert _requests(browser) == [page.as_uri()]


def _complaints(browser) -> list[dict]:
  """What the console has got to show."""
  return [event for event in browser.events if event.get('method') in (
      'Log.entryAdded', 'Runtime.consoleAPICalled', 'Runtime.exceptionThrown')]


def _requests(browser) -> list[str]:
  """What was asked for besides what the page holds itself."""
  urls = [event['params']['request']['url'] for event in browser.events
          if event.get('method') == 'Network.requestWillBeSent']
  return [url for url in urls if not url.startswith('data:')]


def test_every_figure_has_a_text_alternative_that_is_heard(browser, page):
  _open(browser, page, 1280, 900, False)
  _open_all(browser)
  _check_heard(browser, least=11)


def _open_all(browser) -> None:
  browser.evaluate('document.querySelectorAll("details").forEach(d => d.open = true)')


FIRST_EDITION = 16_670, 8400  # pixels at 1200 wide, and words, of AlexNet's page


@pytest.mark.parametrize('written', WRITTEN, ids=lambda path: path.parent.name)
def test_the_first_screen_answers_and_the_page_is_short(written, browser):
  for width, height in ((1200, 900), (390, 844)):
    _open(browser, written, width, height, False)
    last = browser.evaluate('document.querySelector(".answers").getBoundingClientRect().bottom')
    assert last <= height
  _open(browser, written, 1200, 900, False)
  pixels, words = browser.evaluate(
      '[document.documentElement.scrollHeight, document.body.innerText.split(/\\s+/).length]')
  assert pixels < FIRST_EDITION[0] / 3
  assert words < FIRST_EDITION[1] / 3


def test_a_link_to_what_is_folded_opens_it(browser, page):
  _open(browser, page, 1280, 900, False)
  shown = 'document.querySelector("#classes svg").checkVisibility()'
  assert browser.evaluate(shown) is False
  browser.evaluate('location.hash = "#classes"')
  assert browser.evaluate(shown) is True


def test_on_a_phone_tables_scroll_beside_their_first_column_and_show_two_more(browser, page):
  _open(browser, page, 390, 844, False)
  _open_all(browser)
  tables = browser.evaluate('''[...document.querySelectorAll('.overview, .measures')].map(
      table => {
        const box = table.parentElement, cells = table.tBodies[0].rows[0].cells;
        const seen = [...cells].filter(
            cell => cell.getBoundingClientRect().right <= box.getBoundingClientRect().right + 1);
        const count = seen.length, wide = box.scrollWidth > box.clientWidth;
        box.scrollLeft = 150;
        return {count, wide, columns: cells.length,
                left: cells[0].getBoundingClientRect().left - box.getBoundingClientRect().left,
                hint: getComputedStyle(box).backgroundImage.includes('linear-gradient')};
      })''')
  assert len(tables) > 3
  assert any(table['wide'] for table in tables)
  for table in tables:
    assert table['count'] >= min(3, table['columns'])
    assert table['left'] == 0
    assert table['hint']


def _check_heard(browser, least: int) -> None:
  """Every figure that is shown is read out, with numbers."""
  browser('Accessibility.enable')
  nodes = browser('Accessibility.getFullAXTree')['nodes']
  browser('Accessibility.disable')
  pictures = [node for node in nodes if not node['ignored']
              and node['role']['value'] in ('image', 'img')]
  # Folded ones are heard once they are opened.
  drawn = browser.evaluate(
      '[...document.querySelectorAll("svg")].filter(s => s.checkVisibility()).length')
  assert len(pictures) == drawn >= least
  for node in pictures:
    assert len(node['name']['value']) > 8
    assert any(char.isdigit() for char in node['description']['value'])


def test_explanations_open_by_touch_and_by_keyboard(browser, page, folder):
  _open(browser, page, 390, 844, False)
  is_open = 'document.querySelector("#tip-probe").matches(":popover-open")'
  button = 'document.querySelector("[popovertarget=tip-probe]")'
  assert browser.evaluate(is_open) is False
  browser.evaluate(f'{button}.scrollIntoView({{block: "center"}})')
  box = browser.evaluate(f'(b => [b.x + b.width / 2, b.y + b.height / 2])'
                         f'({button}.getBoundingClientRect())')
  for kind, points in (('touchStart', [{'x': box[0], 'y': box[1]}]), ('touchEnd', [])):
    browser('Input.dispatchTouchEvent', type=kind, touchPoints=points)
  assert browser.evaluate(is_open) is True
  left, right, top, bottom = browser.evaluate(
      '(b => [b.left, b.right, b.top, b.bottom])'
      '(document.querySelector("#tip-probe").getBoundingClientRect())')
  assert 0 <= left < right <= 390
  assert 0 <= top < bottom <= 844
  _screenshot(browser, folder / 'phone-tip.png', whole=False)
  _press(browser, 'Escape', 27)
  assert browser.evaluate(is_open) is False
  browser.evaluate(f'{button}.focus()')
  _press(browser, 'Enter', 13, text='\r')
  assert browser.evaluate(is_open) is True


def test_what_is_folded_opens_by_keyboard(browser, page):
  _open(browser, page, 1280, 900, False)
  assert browser.evaluate('document.querySelectorAll("details[open]").length') == 0
  browser.evaluate('document.querySelector("summary").focus()')
  _press(browser, 'Enter', 13, text='\r')
  assert browser.evaluate('document.querySelectorAll("details[open]").length') == 1


def _press(browser, key, code, **more):
  for kind in ('keyDown', 'keyUp'):
    browser('Input.dispatchKeyEvent', type=kind, key=key, code=key,
            windowsVirtualKeyCode=code, **more)


def test_prints(browser, folder, page):
  _open(browser, page, width=718, height=1000, dark=True)
  browser('Emulation.setEmulatedMedia', media='print', features=[
      {'name': 'prefers-color-scheme', 'value': 'dark'}])
  background = browser.evaluate('getComputedStyle(document.body).backgroundColor')
  pdf = base64.b64decode(browser('Page.printToPDF', preferCSSPageSize=True)['data'])
  (folder / 'report.pdf').write_bytes(pdf)
  assert pdf.startswith(b'%PDF')
  # A dark screen does not make dark paper, and no table is cut off.
  assert background == 'rgb(255, 255, 255)'
  assert browser.evaluate('document.documentElement.scrollWidth') <= 718
  _screenshot(browser, folder / 'print.png')


def _open(browser, page, width, height, dark):
  browser('Emulation.setDeviceMetricsOverride', width=width, height=height,
          deviceScaleFactor=1, mobile=width < 600)
  browser('Emulation.setEmulatedMedia', features=[
      {'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}])
  browser.events.clear()
  browser('Page.navigate', url=page.as_uri())
  browser.wait_for('Page.loadEventFired')


def _screenshot(browser, path, whole: bool = True) -> bytes:
  size = browser('Page.getLayoutMetrics')['cssContentSize']
  what = {'captureBeyondViewport': True, 'clip': {**size, 'scale': 1}} if whole else {}
  data = browser('Page.captureScreenshot', **what)['data']
  path.write_bytes(base64.b64decode(data))
  return path.read_bytes()
