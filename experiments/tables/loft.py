"""LOFT's settings: one class, four, a thousand examples, and nine classes in ten.

Source: LOFT (arXiv 2601.22456) and the authors' code, which has Swin-T on Tiny-ImageNet and
ResNet-50 on ImageNet. Here they are CIFAR-100 and ResNet-18, with as large a share of the
features as theirs: `s` is 500 of 2048 for one class, 250 of 768 for several, 300 of 768 for
single examples, 18 of 768 where nine in ten of the classes go. `loft_scaled` tries four such
shares, centred and not. The continual setting, two classes in each of four rounds, is
`python -m experiments.deletion_requests`. Of single examples the two sets' features are
alike, and our `loft` refuses them, so that row compares what can forget them.

Published tables were not at hand.

Not run here: neither CIFAR-100 nor a GPU is at hand. `digits` is the second in small, and
takes a minute.

  python -m experiments.tables loft/digits
"""

from experiments.contest import Config

_METHODS = ('loft_scaled', 'esc', 'class_projection', 'delete', 'unsc', 'null_space_alignment')
_COMMON = {'dataset': 'cifar100', 'model': 'resnet18', 'trials': 8}
ROWS = {
    'digits': Config(dataset='digits', forget=(3, 8), only=_METHODS, trials=8, seeds=(0,)),
    'single': Config(**_COMMON, forget=(65,), only=_METHODS, goal='masked'),
    'multi': Config(**_COMMON, forget=(44, 65, 50, 68), only=_METHODS, goal='masked'),
    'instance': Config(**_COMMON, share=1000 / 45_000, only=('delete', 'regun', 'unsc')),
    # The search needs two classes that stay, and ten do.
    'extreme': Config(**_COMMON, forget=tuple(range(90)), only=_METHODS, goal='masked'),
}
