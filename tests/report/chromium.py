"""Chromium without a window, driven over the DevTools pipe."""

import contextlib
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import time


class Browser:
  """Commands to a page, and the events it has sent so far."""

  def __init__(self, to_browser: int, from_browser: int):
    self._to, self._from = to_browser, from_browser
    self._buffer, self._last, self.events = b'', 0, []
    target = self('Target.createTarget', url='about:blank')['targetId']
    self._session = None
    self._session = self('Target.attachToTarget', targetId=target,
                         flatten=True)['sessionId']

  def __call__(self, method: str, **params):
    self._last += 1
    message = {'id': self._last, 'method': method, 'params': params}
    if getattr(self, '_session', None):
      message['sessionId'] = self._session
    os.write(self._to, json.dumps(message).encode() + b'\0')
    while True:
      answer = self._read()
      if answer.get('id') == self._last:
        assert 'error' not in answer, answer
        return answer['result']
      self.events.append(answer)

  def wait_for(self, event: str) -> None:
    while not any(e.get('method') == event for e in self.events):
      self.events.append(self._read())

  def evaluate(self, expression: str):
    answer = self('Runtime.evaluate', expression=expression, returnByValue=True)
    assert 'exceptionDetails' not in answer, answer
    return answer['result'].get('value')

  def _read(self, timeout: float = 180.):
    end = time.monotonic() + timeout
    while b'\0' not in self._buffer:
      ready, *_ = select.select([self._from], [], [], end - time.monotonic())
      chunk = os.read(self._from, 1 << 20) if ready else b''
      assert chunk, 'Chromium does not answer.'
      self._buffer += chunk
    message, self._buffer = self._buffer.split(b'\0', 1)
    return json.loads(message)


# Chromium reads commands from descriptor 3 and writes answers to 4.
_LAUNCH = """
import fcntl, os, sys
pipes = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 5) for fd in sys.argv[1:3]]
os.dup2(pipes[0], 3)
os.dup2(pipes[1], 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""


@contextlib.contextmanager
def launched(program: str, profile: pathlib.Path):
  (read_here, write_there), (read_there, write_here) = os.pipe(), os.pipe()
  process = subprocess.Popen(
      [sys.executable, '-c', _LAUNCH, f'{read_there}', f'{write_there}', program,
       '--headless=new', '--no-sandbox', '--disable-gpu', '--hide-scrollbars',
       '--disable-dev-shm-usage', f'--user-data-dir={profile}',
       '--remote-debugging-pipe'],
      pass_fds=(read_there, write_there), stdout=subprocess.DEVNULL,
      stderr=subprocess.DEVNULL)
  os.close(read_there)
  os.close(write_there)
  try:
    yield Browser(write_here, read_here)
  finally:
    process.terminate()
    process.wait(20)
    os.close(write_here)
    os.close(read_here)


# Where it lies when it is not on the PATH: Debian, Snap, Google's own, macOS.
_PLACES = (
    '/usr/bin/chromium', '/usr/lib/chromium/chromium', '/snap/bin/chromium',
    '/usr/bin/google-chrome', '/opt/google/chrome/chrome',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome')


def program() -> str | None:
  """A Chromium, wherever it is."""
  names = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable',
           'chrome', *_PLACES)
  return next(filter(None, map(shutil.which, names)), None)
