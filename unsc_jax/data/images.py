"""Published images as networks are given them: normalised, of one size, split.

However a data set is kept, these are its numbers, and the order in which it was published
is its order. `N` images, `H` x `W` pixels, `c` channels.
"""

from typing import NamedTuple

import numpy as np

from unsc_jax.data.dataset import Dataset
from unsc_jax.problem import Examples


class Recipe(NamedTuple):
  """How the images of a data set become a network's inputs."""
  mean: tuple[float, ...]  # [c], of pixels in [0, 1]
  std: tuple[float, ...]  # [c]
  class_names: tuple[str, ...]  # by label
  size: int = 32  # the network's H = W
  published: int = 32  # H = W of the images as they were published


_DIGITS = tuple('0123456789')
_HUNDRED = '''
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge
    bus butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud
    cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox
    girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man
    maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree
    pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray
    road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel
    streetcar sunflower sweet_pepper table tank telephone television tiger tractor train
    trout tulip turtle wardrobe whale willow_tree wolf woman worm'''

# Mean and standard deviation are the published code's; it has no MNIST, whose
# two numbers are the usual ones.
RECIPES = {
    'fashion_mnist': Recipe(
        (.286,), (.353,),
        ('T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat', 'Sandal', 'Shirt', 'Sneaker',
         'Bag', 'Ankle boot'), published=28),
    'cifar10': Recipe(
        (.485, .456, .406), (.229, .224, .225),
        ('airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship',
         'truck')),
    'cifar100': Recipe(
        (.507, .487, .441), (.267, .256, .276), tuple(_HUNDRED.split())),
    'svhn_cropped': Recipe((.437, .443, .472), (.198, .201, .197), _DIGITS),
    'mnist': Recipe((.1307,), (.3081,), _DIGITS, published=28),
}

_TRAIN_SHARE = .9  # the rest of the training images is for validation


def published(split: str) -> str:
  """The published split, `train` or `test`, that a split is a part of."""
  return 'test' if split == 'test' else 'train'


def place(split: str, size: int) -> slice:
  """Where a split lies in the published one of that size."""
  cut = int(_TRAIN_SHARE * size)
  return {'train': slice(0, cut), 'validation': slice(cut, size), 'test': slice(0, size)}[split]


def places(name: str, split: str, size: int, indices: np.ndarray) -> np.ndarray:
  """Indices in a split as indices in the published one of that size.

  Raises:
    ValueError: there is no such example.
  """
  start, stop, _ = place(split, size).indices(size)
  if wrong := [i for i in indices.tolist() if not 0 <= i < stop - start]:
    raise ValueError(f'{name} has no {split} example {wrong[0]}; give indices from 0 to '
                     f'{stop - start - 1}.')
  return start + indices


def dataset(name: str, train: Examples, test: Examples) -> Dataset:
  """A data set of its published splits."""
  parts = {split: Examples(train.x[at], train.y[at])
           for split in ('train', 'validation') for at in [place(split, len(train))]}
  names = RECIPES[name].class_names
  return Dataset(name, **parts, test=test, num_classes=len(names), class_names=names)


def examples(name: str, pixels: np.ndarray, labels: np.ndarray) -> Examples:
  """Images `[N, H, H, c]`, uint8, and their labels `[N]`, as a network is given them.

  Pixels become `(x / 255 - mean) / std`; images of another size are then resized.
  """
  recipe = RECIPES[name]
  x = pixels.astype(np.float32)
  x /= np.float32(255)
  x -= np.asarray(recipe.mean, np.float32)
  x /= np.asarray(recipe.std, np.float32)
  return Examples(_resize(x, recipe.size), labels.astype(np.int32, copy=False))


def pixels(name: str, x: np.ndarray) -> np.ndarray:
  """The pixels `[N, H, H, c]`, uint8, of what `examples` has made of them: `x`."""
  recipe = RECIPES[name]
  if recipe.published != recipe.size:
    x = _along(np.linalg.pinv(_interpolation(recipe.published, recipe.size)), x)
  x = x * np.asarray(recipe.std, np.float32) + np.asarray(recipe.mean, np.float32)
  return np.rint(255 * x).astype(np.uint8)


def _resize(x: np.ndarray, size: int) -> np.ndarray:
  """Bilinear enlargement, [N, H, H, c] -> [N, size, size, c].

  The same numbers as `jax.image.resize(..., 'bilinear')`, on the host.
  """
  return x if x.shape[1] == size else _along(_interpolation(x.shape[1], size), x)


def _interpolation(h: int, size: int) -> np.ndarray:
  """`[size, H]`: new pixels of a row from old ones; linear and separable."""
  centres = (np.arange(size) + .5) * h / size - .5  # of new pixels, in old ones
  return np.stack([np.interp(centres, np.arange(h), unit) for unit in np.eye(h)], axis=1)


def _along(a: np.ndarray, x: np.ndarray) -> np.ndarray:
  """A linear map `[S, H]` along both sides of images: [N, H, H, c] -> [N, S, S, c]."""
  a = a.astype(np.float32)
  n, h, _, c = x.shape
  rows = a @ x.reshape(n, h, h * c)  # [N, S, H * c]
  return (a @ rows.reshape(n * len(a), h, c)).reshape(n, len(a), len(a), c)
