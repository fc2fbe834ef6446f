"""What UNSC's parts do, one replaced at a time.

Of damping (`unsc`): 256 images in all for the moments, where 24 to 256 of every class were
published; the projection before the optimiser alone, which lets Adam out of the null space.
Of the cut (`unsc_hard`): as few images; classes merged or taken in sequence in the place of
pooled ones; a random label in the place of the likeliest other one. Each has a search of its
own for its rate, its stop, and its tau or energy.

Published (executed notebooks, CIFAR-10, three seeds), forgotten / remaining: UNSC .5 / 92.8,
with random labels 2.1 / 92.7, random labels without a null space 3.3 / 82.9. With random labels
on FashionMNIST 1.6 / 93.3, by an AlexNet and SGD at .005, where ours has a small network and
Adam, and loses nine points of the rest. Of the other parts nothing was published.

Cost of a seed on two cores: some minutes for the digits, ten for FashionMNIST, most of them
for the search.

  python -m experiments.tables ablations/digits
"""

import dataclasses

from experiments.contest import Config

_DIGITS = Config(
    dataset='digits', model='small_cnn', forget=(3,), trials=4, only=(
        'unsc', 'unsc_few_images', 'unsc_projects_gradients', 'unsc_hard',
        'unsc_hard_few_images', 'unsc_merged', 'unsc_sequential', 'unsc_random_label',
        'random_label'))
ROWS = {
    'digits': _DIGITS,
    'fashion_mnist': dataclasses.replace(
        _DIGITS, dataset='fashion_mnist', model='tiny_cnn', forget=(6,), examples=6000,
        epochs=20),
}
