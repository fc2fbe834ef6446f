"""CIFAR-10, AllCNN at half width, as published: class 3 ("cat"), and two to five classes.

Published (executed notebooks, three seeds), forgotten / remaining test accuracy: original
79.9 / 92.1, retrained 0 / 93.2, UNSC .5 / 92.8, random label 3.3 / 82.9, gradient ascent
6.8 / 88.5, boundary 1.5 / 87.2, SalUn 6.2 / 88.9, Fisher .1 / 92.5. UNSC over the sweep:
.6 / 92.7, .9 / 93.8, .3 / 94.1, .7 / 96.2.

Expected here: 73 / 88 for the original and 0 / 90 for the retrained network after 10
epochs, more after the 30 that are the default; UNSC not above 1 % and within .5 points of
retrained.

Cost of a seed of one row: an epoch is 150 s on two cores, so that the two trainings alone
are two and a half hours. Ready networks go by --checkpoint and --reference. `3` was run so
within two hours on two cores, with one surrogate, without SalUn and random labels inside the
null space; `unsc_last_four`, UNSC on the last four of nine layers by SGD, is there instead.

  python -m experiments.tables cifar10/3
"""

from experiments.contest import Config
from experiments.tables import base

ROWS = base.sweep(
    Config(dataset='cifar10', model='allcnn', forget=(3,), only=base.METHODS, trials=3,
           goal='masked', search_examples=12_000),
    [(1, 3), (1, 3, 5), (1, 3, 5, 7), (1, 2, 3, 5, 7)])
