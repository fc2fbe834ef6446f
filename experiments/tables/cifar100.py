"""CIFAR-100, ResNet-18: ten of its classes, and twenty to fifty.

Published (executed notebooks, three seeds), forgotten / remaining test accuracy with ten
classes: original 72.1 / 75.4, retrained 0 / 75.8, UNSC 1.2 / 76.0, random label 1.1 / 24.6,
gradient ascent 12.9 / 36.6, boundary 12.1 / 36.8, SalUn 6.0 / 41.9, Fisher 0 / 49.2. Of more
classes nothing was published that had been run.

Not run here: neither the data nor a GPU is at hand.

Cost of a seed of one row: 60 epochs for each of two networks; a GPU's work.

  python -m experiments.tables cifar100/10
"""

import dataclasses

from experiments import settings
from experiments.contest import Config
from experiments.tables import base

_TEN = settings.SETTINGS['cifar100'].forget
_MORE = (
    (11, 24, 56, 68, 90, 39, 42, 37, 89, 72), (71, 9, 48, 99, 49, 35, 3, 22, 12, 82),
    (64, 61, 8, 79, 4, 60, 83, 66, 5, 23), (70, 33, 78, 13, 81, 43, 14, 40, 36, 34))
_FIRST = Config(dataset='cifar100', model='resnet18', forget=_TEN, only=base.METHODS, trials=3,
                goal='masked', search_examples=12_000)
ROWS = {str(10 * (1 + count)): dataclasses.replace(
    _FIRST, forget=sum(_MORE[:count], _TEN)) for count in range(5)}
