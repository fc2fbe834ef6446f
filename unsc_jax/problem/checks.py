"""What data have to be like for a network that tells `C` classes apart.

Asked once, where a problem is put together: of shapes and labels alone, so that no
network is compiled and no input is read. `N` examples.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from unsc_jax import paths
from unsc_jax.problem import examples as examples_lib
from unsc_jax.problem import network as network_lib


def checked(
    examples: examples_lib.Examples, what: str, num_classes: int | None
) -> examples_lib.Examples:
  """The examples as arrays whose labels are of one of two kinds.

  Args:
    examples: inputs, and labels as `labels` takes them.
    what: they are, for what is said of them: 'the retain set'.
    num_classes: `C`; None where it is not known yet.

  Returns:
    The same with `y` integers `[N]`, or probabilities `[N, C]`.

  Raises:
    ValueError: labels are neither, or as many as there are inputs.

  Example:
    >>> data = examples_lib.Examples([[1.], [2.]], [[0, 1], [1, 0]])
    >>> checked(data, 'the retain set', 2).y.tolist()
    [1, 0]
  """
  if not isinstance(examples, examples_lib.Examples):
    raise ValueError(f'{what} is a {type(examples).__name__}; give Examples(x, y).')
  x, y = inputs(examples.x, what), labels(examples.y, what, num_classes)
  lengths = {len(leaf) for leaf in jax.tree.leaves(x)}
  if lengths != {len(y)}:
    raise ValueError(
        f'{what} has {len(y)} labels for {" and ".join(map(str, sorted(lengths)))} '
        'inputs; give every input one label, in the same order.')
  return examples_lib.Examples(x, y)


def inputs(x: Any, what: str) -> Any:
  """A pytree of arrays `[N, ...]`; nested lists of numbers are one array."""
  if isinstance(x, list) and not any(map(_is_array, jax.tree.leaves(x))):
    x = np.asarray(x)
  leaves = jax.tree.leaves(x)
  kinds = sorted({type(leaf).__name__ for leaf in leaves if not _is_array(leaf)})
  if kinds or not leaves:
    kinds = kinds or ['None']
    raise ValueError(
        f'the inputs of {what} are of type {" and ".join(kinds)}; give an array '
        '[N, ...], or a dictionary or tuple of such arrays.')
  for leaf in leaves:
    if getattr(leaf.dtype, 'kind', None) in ('O', 'S', 'U', 'M', 'm'):
      raise ValueError(
          f'the inputs of {what} are of type {leaf.dtype}, which no network reads; give '
          'arrays of numbers.')
  return x


def _is_array(leaf: Any) -> bool:
  """Whether it has examples along an axis."""
  return hasattr(leaf, 'dtype') and len(leaf.shape) > 0


def labels(y: Any, what: str, num_classes: int | None = None) -> np.ndarray:
  """Labels as integers `[N]`, or as rows of probabilities `[N, C]`.

  Taken as what they can only mean: a column `[N, 1]` and whole floats as integers,
  and rows of one 1 among zeros as the place of the 1.

  Args:
    y: array or list.
    what: has these labels, for what is said of them.
    num_classes: `C`; None where it is not known yet.

  Raises:
    ValueError: they are anything else, or out of range.

  Example:
    >>> labels([[2], [0]], 'the test set', 3).tolist()
    [2, 0]
  """
  try:
    given = np.asarray(y)
  except ValueError as error:
    raise ValueError(
        f'the labels of {what} are lists of different lengths; give integers [N], one for '
        'every example.') from error
  if given.dtype.kind not in 'biuf' and not jnp.issubdtype(given.dtype, jnp.floating):
    raise ValueError(
        f'the labels of {what} are of type {given.dtype}, not numbers; '
        '`numpy.unique(labels, return_inverse=True)` numbers the names of classes.')
  if given.ndim == 2 and given.shape[1] == 1:
    given = given[:, 0]
  if given.ndim == 1:
    return _integers(given, what, num_classes)
  if given.ndim != 2 or num_classes not in (None, given.shape[1]):
    classes = 'C' if num_classes is None else f'{num_classes}'
    raise ValueError(
        f'the labels of {what} have shape {list(given.shape)}; give integers [N], or '
        f'the probabilities of the classes [N, {classes}].')
  return _rows(given, what)


def _integers(given: np.ndarray, what: str, num_classes: int | None) -> np.ndarray:
  whole = given.astype(np.int32)
  if not np.array_equal(whole, given):
    raise ValueError(
        f'the labels of {what} are numbers such as {given[whole != given][0]}, '
        'which name no class; give integers from 0 on.')
  if whole.size and (
      whole.min() < 0 or (num_classes is not None and whole.max() >= num_classes)):
    last = '' if num_classes is None else f' to {num_classes - 1}'
    raise ValueError(
        f'{what} has labels outside 0{last}; give the number of classes that the '
        'network has.')
  return given if given.dtype.kind in 'iu' else whole


def _rows(given: np.ndarray, what: str) -> np.ndarray:
  if given.dtype.kind in 'iub' or np.isin(given, (0, 1)).all():
    given = given.astype(np.float32)
  total = given.sum(-1, dtype=np.float64)
  off = (np.abs(total - 1) > 1e-2) | ~(given >= 0).all(-1)
  if off.any():
    row = int(np.argmax(off))
    raise ValueError(
        f'the labels of {what} are rows that are no probabilities: row {row} sums to '
        f'{total[row]:g}; give each example one class, or probabilities that sum to 1, '
        'since several classes at once are not told apart here.')
  if (given.max(-1) == 1).all():
    return given.argmax(-1).astype(np.int32)
  return given


def classifier(network: Any, num_classes: Any) -> None:
  """Raises ValueError unless something can be a network that tells so many classes apart."""
  if not isinstance(network, network_lib.Network):
    raise ValueError(
        f'the network is a {type(network).__name__}; give a Network: `Network(fn)` of '
        '`fn(params, x) -> logits`, or what `unsc_jax.models` makes of a module.')
  if not isinstance(num_classes, int | np.integer) or num_classes < 1:
    raise ValueError(
        f'num_classes is {num_classes!r}; give as a whole number how many outputs the '
        'network has.')


def same_parameters(before: Any, params: Any) -> None:
  """Raises ValueError unless two pytrees have leaves of the same paths and shapes."""
  if apart := paths.apart(before, params):
    raise ValueError(
        f'the parameters before all requests are not those of this network: {apart[0]} is '
        'not in both, in one shape; give the params of the first request.')


def alike(examples: examples_lib.Examples, what: str, retain: examples_lib.Examples) -> None:
  """Raises ValueError unless one network can read the inputs of two sets.

  Example:
    >>> one, other = (examples_lib.Examples(np.ones((1, d)), [0]) for d in (3, 4))
    >>> alike(other, 'the forget set', one)
    Traceback (most recent call last):
    ValueError: an input of the forget set is float32[4], and of the retain set float32[3]; ...
  """
  kinds = [_kind(of.x) for of in (examples, retain)]
  if kinds[0] != kinds[1]:
    raise ValueError(
        f'an input of {what} is {kinds[0]}, and of the retain set {kinds[1]}; give both as '
        'the network reads them.')


def _kind(x: Any) -> str:
  """What one input is like, in the types that JAX makes of it."""
  one = lambda leaf: jax.ShapeDtypeStruct(
      leaf.shape[1:], jax.dtypes.canonicalize_dtype(leaf.dtype))
  leaves, structure = jax.tree.flatten(jax.tree.map(one, x))
  said = [f'{leaf.dtype}{[*leaf.shape]}' for leaf in leaves]
  return said[0] if structure == jax.tree.structure(0) else f'{structure} of {", ".join(said)}'


def as_probabilities(examples: examples_lib.Examples, num_classes: int
                     ) -> examples_lib.Examples:
  """The same with rows `[N, C]` for labels, a 1 for each that is an integer."""
  y = examples.y
  return examples if y.ndim == 2 else examples.replace(
      y=np.eye(num_classes, dtype=np.float32)[y])


def outputs(fn: Callable, params: Any, x: Any, num_classes: int) -> None:
  """Raises ValueError unless a network gives logits `[N, C]` of some inputs.

  It is traced with shapes alone, which JAX remembers.

  Args:
    fn: `(params, x) -> logits`.
    params: pytree of arrays.
    x: inputs, of which only shapes and dtypes matter.
    num_classes: `C`.
  """
  n = 2 * jax.device_count()  # which a network that splits its batches can split
  some = jax.tree.map(
      lambda leaf: jax.ShapeDtypeStruct((n, *leaf.shape[1:]), leaf.dtype), x)
  wanted = f'fn should give logits [N, {num_classes}], one row an example'
  try:
    found = jax.eval_shape(fn, params, some)
  except Exception as error:
    shapes = ' and '.join(f'{[*leaf.shape]}' for leaf in jax.tree.leaves(some))
    why = str(error).strip().partition('\n')[0] or type(error).__name__
    raise ValueError(
        f'the network cannot be run on inputs {shapes} like those to retain ({why}); '
        'give a Network whose fn takes (params, x).') from error
  if not isinstance(found, jax.ShapeDtypeStruct):
    raise ValueError(f'the network gives a {type(found).__name__}; {wanted}.')
  if not jnp.issubdtype(found.dtype, jnp.floating):
    raise ValueError(f'the network gives {found.dtype}; {wanted}, floating.')
  if found.shape in ((n,), (n, 1)):
    raise ValueError(
        'the network gives one number an example, where each class needs its own: '
        'for two classes let fn give the logits [0, z], as in '
        '`jnp.stack([jnp.zeros_like(z), z], -1)`, and let num_classes be 2.')
  if found.shape != (n, num_classes):
    raise ValueError(
        f'the network gives {[*found.shape]} of {n} examples, and num_classes is '
        f'{num_classes}; {wanted}.')
