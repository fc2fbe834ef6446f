"""A random tenth of the training examples, the usual test of forgetting single ones.

Whether it is forgotten shows in attacks on membership and in accuracies on the tenth
alone: both should come to what a network retrained without it has, and answers of other
images should stay. The UNSC paper has no such row; its published code forgets classes
alone.

Expected: the original knows the tenth by a few points better than unseen images where it
was trained to the end; most methods ruin more than that.

Cost of a seed: minutes for FashionMNIST's small network, a quarter of an hour for three and
the search on one core; AllCNN's is a GPU's work.

  python -m experiments.tables random_share/fashion_mnist
"""

from experiments.contest import Config

_METHODS = ('fine_tune', 'random_label', 'neggrad_plus', 'salun', 'scrub', 'bad_teacher',
            'example_localization', 'regun', 'unsc_hard', 'unsc')
ROWS = {
    'fashion_mnist': Config(
        dataset='fashion_mnist', model='tiny_cnn', share=.1, only=_METHODS, trials=3,
        examples=6000, epochs=20),
    'cifar10': Config(
        dataset='cifar10', model='allcnn', share=.1, only=_METHODS, trials=3),
}
