"""DEL's two forget sets: a tenth of all examples, or as many drawn from two classes.

Source: Torkzadehmahani et al. (arXiv 2412.02432) and the authors' code: ResNet-18 on
CIFAR-10, SGD with momentum .9 without weight decay, batches of 128, 30 epochs, the rate
along a cosine from .1 to a hundredth of it. Theirs is without crops and flips; ours has
them, and says so by its recipe. Two classes hold a fifth of CIFAR-10, so that a tenth of
all examples is half of them.

Published, of what a review quotes: with a tenth of two classes DEL's accuracy on the
forgotten lies .4 +- 1.1 points from the retrained network's, that of random labels within
the same weights -2.8 +- 1.5.

Not run here: a ResNet-18 needs a GPU. `small_all` and `small_two_classes` ask the same of a
small network and FashionMNIST's first 6,000 images, where the classes are pullovers and
sandals: a quarter of an hour each for three seeds and the search.

  python -m experiments.tables del_sets/two_classes
"""

from experiments.contest import Config

_METHODS = ('example_localization', 'salun', 'neggrad_plus', 'l1_sparse', 'influence',
            'fine_tune', 'unsc')
_COMMON = {'dataset': 'cifar10', 'model': 'resnet18', 'recipe': 'del', 'trials': 3,
           'only': _METHODS}
_SMALL = {'dataset': 'fashion_mnist', 'model': 'tiny_cnn', 'examples': 6000, 'epochs': 20,
          'trials': 3, 'only': _METHODS}
_SETS = {'all': {'share': .1}, 'two_classes': {'share': .5, 'share_of': (2, 5)}}
ROWS = {**{name: Config(**_COMMON, **asked) for name, asked in _SETS.items()},
        **{f'small_{name}': Config(**_SMALL, **asked) for name, asked in _SETS.items()}}
