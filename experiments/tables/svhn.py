"""SVHN, VGG11: class 3, and two to five classes.

Published (executed notebooks, three seeds; two of the network's layers were not confined
at all), forgotten / remaining test accuracy: original 93.2 / 95.4, retrained 0 / 93.5 (95.6
in another notebook), UNSC 0 / 95.8, random label 1.2 / 75.9, gradient ascent 3.1 / 75.1,
boundary 4.0 / 81.0, SalUn 3.6 / 78.8, Fisher 2.5 / 95.7. The set of five omits class 3.

Not run here: neither the data nor a GPU is at hand.

Cost of a seed of one row: 28 million parameters; a GPU's work.

  python -m experiments.tables svhn/3
"""

from experiments.contest import Config
from experiments.tables import base

ROWS = base.sweep(
    Config(dataset='svhn_cropped', model='vgg11', forget=(3,), only=base.METHODS, trials=3,
           goal='masked', search_examples=12_000),
    [(1, 3), (1, 3, 5), (1, 3, 5, 8), (1, 5, 6, 7, 9)])
