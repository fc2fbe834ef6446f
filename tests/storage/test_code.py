"""An edited function is another one, wherever the edit is and whatever wraps it."""

import sys
import types

import pytest

from tests import toys
from unsc_jax import storage

HEAD = '''
import abc, argparse, collections, dataclasses, enum, functools, logging, operator, re, sys
import threading, types
import jax, jax.numpy as jnp, numpy as np
from flax import nnx

LOG = logging.getLogger('edited')

def scaled(k):
  def deco(fn):
    @functools.wraps(fn)
    def inner(v):
      return fn(v * k)
    return inner
  return deco

class Counted:
  def __init__(self, fn, k):
    functools.update_wrapper(self, fn)
    self.fn, self._k = fn, k
  def __call__(self, v):
    return self.fn(v * self._k)

class Plain:
  def __init__(self, k):
    self.k = k

@dataclasses.dataclass(frozen=True)
class Fields:
  fn: object

helpers = types.ModuleType('own_helpers')
sys.modules['own_helpers'] = helpers
'''
# Sources of a rule, in which a number is edited.
WAYS = {
    'plain': 'def rule(v): return (v > {k}).sum(-1)',
    'jit': '@jax.jit\ndef rule(v): return (v > {k}).sum(-1)',
    'jit of options': '@functools.partial(jax.jit, static_argnums=1)\n'
                      'def rule(v, n=1): return (v > {k}).sum(-1)',
    'default in a jit': '@jax.jit\ndef rule(v, least={k}): return (v > least).sum(-1)',
    'cache': '@functools.lru_cache\ndef rule(v): return (v > {k}).sum(-1)',
    'cache of a size': '@functools.lru_cache(maxsize=4)\ndef rule(v): return v > {k}',
    'jit of a cache': '@jax.jit\n@functools.cache\ndef rule(v): return (v > {k}).sum(-1)',
    'vmap': '@jax.vmap\ndef rule(v): return (v > {k}).sum(-1)',
    'custom derivative': '@jax.custom_jvp\ndef rule(v): return v\n'
                         'rule.defjvp(lambda p, t: (rule(*p), {k} * t[0]))',
    'wrapped': '@scaled(1.)\ndef rule(v): return (v > {k}).sum(-1)',
    'wrapper': '@scaled({k})\ndef rule(v): return (v > 1.).sum(-1)',
    'wrapper of a function': '@scaled(lambda v: v + {k})\ndef rule(v): return v',
    'wrapper in a jit': '@jax.jit\n@scaled({k})\ndef rule(v): return (v > 1.).sum(-1)',
    'wrapper object': 'def rule(v): return v\nrule = Counted(rule, {k})',
    'wrapped by an object': 'def rule(v): return v + {k}\nrule = Counted(rule, 1)',
    'jitted helper': '@jax.jit\ndef least(v): return v > {k}\ndef rule(v): return least(v)',
    'cached helper': '@functools.cache\ndef least(): return {k}\n'
                     'def rule(v): return v > least()',
    'helper by lambda': 'least = lambda v: v > {k}\ndef rule(v): return least(v)',
    'partial helper': 'def of(v, k): return v > k\nleast = functools.partial(of, k={k})\n'
                      'def rule(v): return least(v)',
    'wrapped helper': '@scaled({k})\ndef least(v): return v\ndef rule(v): return least(v)',
    'helpers in a table': 'table = dict(a=[lambda v: v > {k}])\n'
                          'def rule(v): return table["a"][0](v)',
    'helper in fields': 'fields = Fields(lambda v: v > {k})\ndef rule(v): return fields.fn(v)',
    'object of a helper': 'plain = Plain({k})\ndef least(): return plain.k\n'
                          'def rule(v): return v > least()',
    'method of an object': 'class Own(Plain):\n  def least(self): return self.k\n'
                           'least = Own({k}).least\ndef rule(v): return v > least()',
    'helper of another module': 'helpers.least = lambda v: v > {k}\n'
                                'def rule(v): return helpers.least(v)',
    'number of another module': 'helpers.least = {k}\ndef rule(v): return v > helpers.least',
    'note on itself': 'def rule(v): return v > rule.least\nrule.least = {k}',
    'note on a helper': 'def of(v): return v\nof.least = {k}\ndef rule(v): return v > of.least',
    'what a jit notes': '@jax.jit\ndef of(v): return v\nof.least = {k}\n'
                        'def rule(v): return v > of.least',
    'words that it says of itself': 'def rule(v):\n  "{k}"\n  return v, "{k}"',
    'inner function': 'def rule(v):\n  def inner(v):\n    "{k}"\n    return v, "{k}"\n'
                      '  return inner(v)',
    'numbers in a set': 'def rule(v): return v in {{"a", "b", {k}}}',
    'global in an inner class': 'least = {k}\ndef rule(v):\n  class A:\n    k = least\n'
                                '  return A.k',
    'keyword': 'def of(*, a, b): return a - b\ndef rule(v): return of(a=v, b={k})',
    'pattern': 'found = re.compile("a" * 300 + "{k}")\ndef rule(v): return found.match(v)',
    'logged': 'def least(v):\n  LOG.info("least")\n  return v > {k}\n'
              'def rule(v): return least(v)',
    'attribute of a class': 'class Conf: k = {k}\ndef rule(v): return v > Conf.k',
    'attribute of a class in a table': 'class Conf: k = {k}\ntable = [Conf]\n'
                                       'def rule(v): return v > table[0].k',
    'attribute of the class of an object': 'class Own(Plain): other = {k}\nown = Own(1)\n'
                                           'def rule(v): return v > own.other',
    'attribute of a base': 'class Base: k = {k}\nclass Own(Base): pass\nown = Own()\n'
                           'def rule(v): return v > own.k',
    'code of a method': 'class Own:\n  def least(self): return {k}\nown = Own()\n'
                        'def rule(v): return v > own.least()',
    'code of fields that are called': '@dataclasses.dataclass(frozen=True)\nclass Own:\n'
                                      '  n: int = 1\n  def __call__(self, v): return v > {k}\n'
                                      'rule = Own()',
    'code of a property': 'class Own:\n  @property\n  def least(self): return {k}\n'
                          'own = Own()\ndef rule(v): return v > own.least',
    'class method': 'class Own:\n  k = {k}\n  @classmethod\n  def least(cls): return cls.k\n'
                    'def rule(v): return v > Own.least()',
    'static method': 'class Own:\n  @staticmethod\n  def least(): return {k}\nown = Own()\n'
                     'def rule(v): return v > own.least()',
    'value of a member': 'class Kind(enum.Enum): A = {k}\nkind = Kind.A\n'
                         'def rule(v): return v > kind.value',
    'abstract class': 'class Own(abc.ABC):\n  @abc.abstractmethod\n  def least(self): ...\n'
                      'class Of(Own):\n  lock = threading.local()\n'
                      '  def least(self): return {k}\nown = Of()\n'
                      'def rule(v): return v > own.least()',
    'import of a number': 'helpers.least = {k}\ndef rule(v):\n'
                          '  from own_helpers import least\n  return v > least',
    'import of a module': 'helpers.least = {k}\ndef rule(v):\n  import own_helpers as own\n'
                          '  return v > own.least',
    'module in a closure': 'helpers.least = {k}\ndef made(own):\n'
                           '  return lambda v: v > own.least\nof = made(helpers)\n'
                           'def rule(v): return of(v)',
    'table of a set': 'table = {{n: len(n) + {k} for n in {{"alpha", "be", "gamma", "del"}}}}\n'
                      'def rule(v): return v > table["be"]',
    'helpers in a set': 'def of(v): return v > {k}\ndef a(v): return of(v)\n'
                        'def b(v): return 1 + of(v)\ndef c(v): return 2 + of(v)\n'
                        'helpers = frozenset([a, b, c])\n'
                        'def rule(v): return sum(one(v) for one in helpers) + of(v)',
    'helpers by a set': 'def of(v): return v > {k}\ndef a(v): return of(v)\n'
                        'def b(v): return 1 + of(v)\n'
                        'table = {{n: dict(a=a, b=b)[n] for n in {{"a", "b"}}}}\n'
                        'def rule(v): return table["a"](v)',
    'objects in an array': 'names = np.array(["zero", None, "{k}"], dtype=object)\n'
                           'def rule(v): return names[v]',
    'lists that share others': 'nest = [{k}]\nfor _ in range(60): nest = [nest, nest]\n'
                               'def rule(v): return nest[0]',
    'list within itself': 'nest = [{k}]\nnest.append(nest)\ndef rule(v): return nest[0]',
    'options': 'options = argparse.Namespace(k={k})\ndef rule(v): return v > options.k',
    'namespace': 'options = types.SimpleNamespace(k={k})\ndef rule(v): return v > options.k',
    'queue': 'queue = collections.deque([{k}])\ndef rule(v): return v > queue[0]',
    'getter': 'get = operator.itemgetter({k})\ndef rule(v): return get(v)',
    'method of a type': 'of = (str.upper, str.lower)[{k} - 1]\ndef rule(v): return of(v)',
    'shape': 'shape = jax.ShapeDtypeStruct(({k},), jnp.float32)\ndef rule(v): return shape',
    'device': 'at = jax.devices()[0]\ndef rule(v): return jax.device_put(v + {k}, at)',
    'NNX module': 'class Net(nnx.Module):\n  def __init__(self):\n    self.of = nnx.Dropout('
                  '{k} / 3, rngs=nnx.Rngs(0))\nnet = Net()\ndef rule(v): return net.of(v)',
    'NNX parameter': 'weight = nnx.Param(np.float32({k}))\ndef rule(v): return weight[...] * v',
    'recursion': 'def rule(v): return other(v)\ndef other(v): return rule(v) + {k}',
}
SAME = {  # other texts of the same
    'words': ('def rule(v):\n  "Here."\n  return v + 1',
              'def rule(v):\n  "There."\n  return v + 1'),
    'inner words': ('def rule(v):\n  def f():\n    "Here."\n    return 1\n  return f()',
                    'def rule(v):\n  def f():\n    "There."\n    return 1\n  return f()'),
    'place': ('def rule(v): return v + 1', '\n\ndef rule(v):\n\n  return v + 1'),
    'names of variables': ('def rule(v): return v + 1', 'def rule(x): return x + 1'),
    'words of a class': ('class Own:\n  "Here."\nown = Own()\ndef rule(v): return own',
                         'class Own:\n  "There."\nown = Own()\ndef rule(v): return own'),
    'what it does not read of a class': (
        'class Conf:\n  k, out = 1, "here"\ndef rule(v): return v > Conf.k',
        'class Conf:\n  k, out = 1, "there"\ndef rule(v): return v > Conf.k'),
    'order of a table': ('table = dict(a=1, b=2)\ndef rule(v): return table["a"]',
                         'table = dict(b=2, a=1)\ndef rule(v): return table["a"]'),
    'what was worked out': (
        'def rule(v): return a.k\nclass A:\n  k = functools.cached_property(id)\na = A()',
        'def rule(v): return a.k\nclass A:\n  k = functools.cached_property(id)\na = A()\na.k'),
    'what it does not read': ('def rule(v): return v.of\nof = 1',
                              'def rule(v): return v.of\nof = 2'),
}


def described(source):
  """The rule of a module of this text; run anew, as after an edit."""
  module = sys.modules['edited'] = types.ModuleType('edited')
  exec(HEAD + source, vars(module))  # noqa: S102
  return storage.describe(module.rule)


@pytest.mark.parametrize('way', WAYS)
def test_an_edit_is_told(way):
  first = described(WAYS[way].format(k=1))
  assert described(WAYS[way].format(k=1)) == first
  assert described(WAYS[way].format(k=2)) != first


@pytest.mark.parametrize('way', SAME)
def test_what_changes_nothing_is_not_told(way):
  one, other = map(described, SAME[way])
  assert one == other


def test_a_number_is_not_its_text():
  source = 'least = {k}\ndef rule(v): return v, least'
  assert described(source.format(k=1)) != described(source.format(k='"1"'))


def test_calls_do_not_count():
  """What a rule has been used for is kept by caches, and is no part of it."""
  for way in ('jit', 'cache of a size', 'jit of options'):
    first = described(WAYS[way].format(k=1))
    module = sys.modules['edited']
    module.rule(module.np.float32(3)) if way == 'cache of a size' else module.rule(
        module.jnp.ones(3))
    assert storage.describe(module.rule) == first


@pytest.mark.parametrize('source', [
    'drawn = np.random.default_rng(0)\ndef rule(v): return v + drawn.normal()',
    'import random\ndrawn = random.Random(0)\ndef of(): return drawn\n@jax.jit\ndef rule(v): of()',
    'draw = np.random.default_rng(0).normal\n@jax.jit\ndef rule(v): return v + draw()',
    'parts = iter([1])\n@functools.cache\ndef rule(v): return v + next(parts)',
    'of = np.vectorize(lambda v: v + 1)\ndef rule(v): return of(v)',
], ids=['read', 'read by a helper', 'method', 'iterator', 'hiding class'])
def test_what_cannot_be_seen_into_is_refused(source):
  with pytest.raises(storage.Unseen, match='pass a frozen dataclass with fields instead'):
    described(source)


@pytest.mark.parametrize('source', [
    'a = zip(range(9), [list(range(9999))])\n{rule}',
    'class A:\n  __slots__ = ()\n  def __repr__(self): return 1\na = A()\n{rule}',
    'class A:\n  __slots__ = ()\n  __repr__ = lambda self: "a\\n" * 999\na = A()\n{rule}',
], ids=['iterator', 'raises', 'long'])
def test_a_refusal_is_one_short_sentence(source):
  source = source.format(rule='def rule(v): return a')
  with pytest.raises(storage.Unseen) as refused:
    described(source)
  assert len(str(refused.value)) < 250
  assert '\n' not in str(refused.value)


def test_what_a_class_hides_is_refused_where_it_is_read():
  described('drawn = iter([1])\ndef of(): return drawn\nclass Own:\n  at = of\nown = Own()\n'
            'def rule(v): return own')
  with pytest.raises(storage.Unseen):
    described('drawn = iter([1])\ndef of(): return drawn\nclass Own:\n  at = of\nown = Own()\n'
              'def rule(v): return own, of')


def test_another_process_finds_the_same():
  code = (f'import importlib.util as u; s = u.spec_from_file_location("t", {__file__!r}); '
          't = u.module_from_spec(s); s.loader.exec_module(t); '
          'print(*(t.described(way.format(k=1)) for way in t.WAYS.values()), sep="\\n")')
  assert toys.said_elsewhere(code).splitlines() == [
      str(described(way.format(k=1))) for way in WAYS.values()]
