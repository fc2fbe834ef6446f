"""Which network it is: its program, and the shapes of what goes in and comes out.

Moments of one network say nothing of another, or of the same one behind another
preprocessing. Parameters may be others, that is what requests do.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from unsc_jax import paths
from unsc_jax import storage


def identity(fn: Callable, params: Any, x: Any) -> dict[str, Any]:
  """A description of a network for `check`.

  Args:
    fn: `(params, x) -> logits`.
    params: pytree of arrays.
    x: inputs, of which only shapes and dtypes matter.

  Returns:
    Strings by name, as JSON has it: shapes, and a hash of the program, which holds
    for one version of JAX.

  Example:
    >>> one, other = (identity(lambda w, x, k=k: w * x * k, np.ones(2), np.ones((5, 2)))
    ...               for k in (1, 2))
    >>> [name for name in one if one[name] != other[name]]
    ['program']
  """
  some = jax.tree.map(
      lambda leaf: jax.ShapeDtypeStruct((2, *leaf.shape[1:]), leaf.dtype), x)
  shapes = jax.tree.map(
      lambda leaf: jax.ShapeDtypeStruct(np.shape(leaf), leaf.dtype), params)
  outputs = _outputs(fn, shapes, some)
  return {
      'parameters': {path: _told(leaf) for path, leaf in paths.leaf_paths(params).items()},
      'inputs': [_told(leaf, 1) for leaf in jax.tree.leaves(x)],
      'outputs': [_told(leaf, 1) for leaf in jax.tree.leaves(outputs)],
      'program': {'jax': jax.__version__, 'hash': storage.program(fn, shapes, some)}}


def _outputs(fn: Callable, params: Any, x: Any) -> Any:
  """The shapes of what a network gives; of one that cannot run, why."""
  try:
    return jax.eval_shape(fn, params, x)
  except Exception as error:
    said = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip('.')
    told = _listed([_told(leaf, 1) for leaf in jax.tree.leaves(x)])
    raise ValueError(
        f'the network cannot be run on inputs {told} with the parameters given '
        f'({type(error).__name__}: {said[:150]}); give parameters and inputs that are '
        'its own.') from error


def check(stored: Mapping[str, Any], own: Mapping[str, Any]) -> None:
  """Raises ValueError if another network is described.

  Under another version of JAX programs are printed otherwise: shapes alone are held
  against each other then.
  """
  told = {
      'parameters': 'has other parameters than the enrolled one',
      'inputs': f'gets inputs {_listed(own["inputs"])}, and the enrolled one got '
                f'{_listed(stored["inputs"])}',
      'outputs': f'gives outputs {_listed(own["outputs"])}, and the enrolled one gave '
                 f'{_listed(stored["outputs"])}'}
  for name, sentence in told.items():
    if stored[name] != own[name]:
      raise ValueError(
          f'this network {sentence}; give the network and the preprocessing that were '
          'enrolled, or enrol this one in a store of its own.')
  if (stored['program']['jax'] == own['program']['jax']
      and stored['program'] != own['program']):
    raise ValueError(
        'this network has the shapes of the enrolled one, but computes something else; '
        'give the one that was enrolled, or enrol this one in a store of its own.')


def _told(leaf: Any, without: int = 0) -> str:
  return f'{leaf.dtype}{[*leaf.shape[without:]]}'


def _listed(shapes: list[str]) -> str:
  return ' and '.join(shapes)
