"""Whether moments fit the memory: told before a pass, by their shapes alone."""

from collections.abc import Callable, Generator
import contextlib
import pathlib
import re
from typing import Any

import jax

from unsc_jax.moments import group


def size(moments: group.Moments) -> int:
  """Bytes of moments, or of their shapes.

  Example:
    >>> import jax.numpy as jnp
    >>> from unsc_jax.moments import moments as moments_lib
    >>> fn = moments_lib.input_moments(lambda params, x: x @ params['w'])
    >>> params = {'w': jnp.ones((40_000, 1))}
    >>> x = jax.ShapeDtypeStruct((1, 40_000), 'float32')
    >>> f'{size(jax.eval_shape(fn, params, x)[1]) / 2**30:.1f} GiB'
    '6.0 GiB'
  """
  return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(moments))


def room() -> int | None:
  """Bytes that the first device has left, or the host where it computes; None: unknown."""
  device = jax.local_devices()[0]
  stats = device.memory_stats() if device.platform != 'cpu' else None
  if stats and 'bytes_limit' in stats:
    return stats['bytes_limit'] - stats.get('bytes_in_use', 0)
  try:
    told = pathlib.Path('/proc/meminfo').read_text()
  except OSError:
    return None
  free = re.findall(r'^(?:MemAvailable|SwapFree): +(\d+) kB', told, re.MULTILINE)
  return 1024 * sum(map(int, free)) if device.platform == 'cpu' and free else None


def check(shapes: group.Moments, left: int | None) -> None:
  """Refuses moments that are more than the memory has left.

  Args:
    shapes: of the moments.
    left: bytes; None: unknown, and nothing is refused.

  Raises:
    ValueError: they do not fit; the sentence names the largest layers.
  """
  if left is not None and size(shapes) > left:
    raise ValueError(_sentence(shapes, f'the {left / 2**30:,.2f} GiB that are left of '))


@contextlib.contextmanager
def fits(shapes_of: Callable[[Any], group.Moments]) -> Generator[Callable[[Any], Any]]:
  """Says which layers it is that do not fit: before the first batch, or when it fails.

  One set of moments has to fit. Where that one does and the pass does not, which
  holds two and the network's own arrays, JAX says so and is translated.

  Args:
    shapes_of: from a batch to the moments' shapes: `eval_shape` of the jitted pass,
      whose trace the pass itself takes over.

  Yields:
    A function to pass every batch through.

  Raises:
    ValueError: they do not fit.
  """
  shapes: list[group.Moments] = []

  def seen(x):
    if not shapes:
      shapes.append(shapes_of(x))
      check(shapes[0], room())
    return x

  try:
    yield seen
  except jax.errors.JaxRuntimeError as error:
    if 'RESOURCE_EXHAUSTED' not in str(error) or not shapes:
      raise
    raise ValueError(_sentence(shapes[0], '')) from error


def _sentence(shapes: group.Moments, left: str) -> str:
  largest = sorted(((4 * m.second.size, m.second.shape[-1], m.site.path)
                    for m in shapes), reverse=True)[:3]
  named = ', '.join(f'{path} (fan-in {d:,}: {bytes_ / 2**30:,.2f} GiB)'
                    for bytes_, d, path in largest)
  return (
      f'the moments do not fit {left}the memory, of which two sets are held at a time; '
      f'the largest are those of {named}: leave layers out with `select` of '
      '`input_moments`, and they are frozen, or take smaller batches.')
