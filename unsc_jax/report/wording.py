"""Names and lists as sentences have them."""

from collections.abc import Sequence

from unsc_jax.report import results as results_lib

# Of those in `unsc_jax.methods`; any other is spelled from its key.
_METHODS = {
    'original': 'Original', 'retrain': 'Retrained', 'head_only': 'Head-only',
    'unsc': 'UNSC', 'bad_teacher': 'Bad teacher',
    'boundary_shrink': 'Boundary shrink', 'cf_k': 'CF-k',
    'class_projection': 'Class projection', 'delete': 'DELETE',
    'dimensional_alignment': 'Dimensional alignment', 'esc': 'ESC',
    'eu_k': 'EU-k', 'example_localization': 'DEL',
    'fine_tune': 'Fine-tuning', 'fisher_forgetting': 'Fisher forgetting',
    'gradient_ascent': 'Gradient ascent', 'influence': 'Influence',
    'l1_sparse': 'ℓ1-sparse', 'loft': 'LOFT', 'neggrad_plus': 'NegGrad+',
    'partially_blinded': 'Partially blinded', 'pgu': 'PGU',
    'hard_cut': 'UNSC, hard cut',
    'one_class_protected': 'UNSC, one class protected',
    'random_label': 'Random label', 'retention_masking': 'Retention masking',
    'salun': 'SalUn', 'scissorhands': 'Scissorhands', 'scrub': 'SCRUB',
    'ssd': 'SSD', 'unsir': 'UNSIR',
}


def method(key: str) -> str:
  """What a method is called on the page.

  Example:
    >>> method('head_only'), method('my_own_method')
    ('Head-only', 'My own method')
  """
  return _METHODS.get(key) or key.replace('_', ' ').capitalize()


def listing(items: Sequence[str], most: int = 6) -> str:
  """Items as a sentence lists them.

  Example:
    >>> listing(['a', 'b', 'c']), listing(list('abcdefgh'), most=2)
    ('a, b and c', 'a, b and 6 more')
  """
  if len(items) > most:
    items = [*items[:most], f'{len(items) - most} more']
  return ' and '.join(part for part in (', '.join(items[:-1]), *items[-1:]) if part)


def class_name(results: results_lib.Results, c: int) -> str:
  """A class's name, or its number where the name is no more than that."""
  name = results.dataset.class_names[c]
  return f'class {c}' if name == str(c) else name


def forgotten(results: results_lib.Results) -> str:
  """The forgotten classes by name and number.

  Example:
    >>> import types
    >>> names = types.SimpleNamespace(class_names=['cat', 'dog', '2'])
    >>> forgotten(types.SimpleNamespace(forget_classes=[1, 2], dataset=names))
    'dog (class 1) and class 2'
  """
  classes = results.forget_classes
  if not classes:
    return 'single examples'
  names = {c: class_name(results, c) for c in classes}
  return listing([name if name == f'class {c}' else f'{name} (class {c})'
                  for c, name in names.items()], most=3)


def low(name: str) -> str:
  """A measure's name inside a sentence.

  Example:
    >>> low('Linear probe'), low('KLoM'), low('U-LiRA')
    ('linear probe', 'KLoM', 'U-LiRA')
  """
  return name[:1].lower() + name[1:] if name[1:2].islower() else name
