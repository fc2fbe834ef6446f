"""How many programs a call compiles, told by JAX's own log."""

from collections.abc import Iterator
import contextlib
import logging

import jax


class _Names(logging.Handler):
  """Keeps the names of what is compiled, in their order."""

  def __init__(self):
    super().__init__()
    self.names: list[str] = []

  def emit(self, record: logging.LogRecord) -> None:
    message = record.getMessage()
    if message.startswith('Compiling '):
      self.names.append(message.split()[1])


@contextlib.contextmanager
def compiled() -> Iterator[list[str]]:
  """The names of the programs that are compiled within the block.

  Operations outside of `jax.jit` are programs as well, one for every shape.

  Example:
    >>> with compiled() as names:
    ...   _ = jax.jit(lambda x: x + 1)(1.)
    >>> len(names)
    1
  """
  handler, logger = _Names(), logging.getLogger('jax')
  propagate, logger.propagate = logger.propagate, False
  logger.addHandler(handler)
  try:
    with jax.log_compiles():
      yield handler.names
  finally:
    logger.removeHandler(handler)
    logger.propagate = propagate
