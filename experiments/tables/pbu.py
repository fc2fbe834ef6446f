"""PBU's MNIST case: a class of MNIST, forgotten by partially blinded unlearning.

Source: PBU (arXiv 2403.16246) and the authors' code: a ResNet-18, Adam at 1e-4 for 5 epochs
in batches of 48, the weights of its penalties tuned. The published tables were not at
hand.

Not run here: MNIST is not at hand. `fashion_mnist` is the same with a small network on
images of the same size, three seeds and the search within ten minutes.

  python -m experiments.tables pbu/fashion_mnist
"""

from experiments.contest import Config

_METHODS = ('partially_blinded', 'gradient_ascent', 'random_label', 'unsc')
ROWS = {
    'mnist': Config(dataset='mnist', model='resnet18', forget=(3,), only=_METHODS,
                    goal='masked', search_examples=12_000),
    'fashion_mnist': Config(
        dataset='fashion_mnist', model='tiny_cnn', forget=(3,), only=_METHODS, trials=3,
        examples=6000, epochs=20),
}
