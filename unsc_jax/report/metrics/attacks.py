"""Attacks that ask which images a network was trained on."""

from unsc_jax.report import numerals
from unsc_jax.report.metrics import metric

_GOOD = (
    'What the retrained model has. That need not be chance: an attack may take '
    'a kind of image for members that no model has seen.')
_OVER = (
    'A value below the retrained model’s: the images look less familiar than '
    'if they had never been seen, which tells an attacker which they were.')


def _attack(key: str, name: str, what: str, good: str = _GOOD) -> metric.Metric:
  return metric.decimal(key, name, 'forget', what, good, _OVER)


METRICS = (
    _attack(
        'mia_confidence', 'Confidence attack',
        'How well one threshold on the probability of the old label tells the '
        'forgotten images from unseen ones. Higher: they look more as if they '
        'had been trained on.'),
    _attack(
        'mia_correctness', 'Correctness attack',
        'The simplest attack: an image that gets its old label is taken for one '
        'that was trained on. Higher: the forgotten images look more so.'),
    _attack(
        'mia_entropy', 'Entropy attack',
        'How well one threshold on the spread of the probabilities tells the '
        'forgotten images from unseen ones. It needs no label. Higher: the '
        'network is surer of the forgotten images.'),
    _attack(
        'mia_modified_entropy', 'Modified-entropy attack',
        'The threshold attack on a spread that knows the old label, so that '
        'being sure and wrong does not look like being sure and right. '
        'Higher: the forgotten images look more as if they had been trained on.'),
    _attack(
        'mia_classifier', 'Classifier attack',
        'A classifier learns from the confidences on remaining training images '
        'and on unseen ones what “trained on” looks like, and is '
        'asked about the forgotten images: the share it calls members. For whole '
        'classes it has no member of them to learn from and says little.')._replace(
            show=numerals.percent, show_gap=numerals.points, unit=' points'),
    _attack(
        'rmia_auc', 'RMIA',
        'A strong attack that compares every image with other images and with '
        'reference models. The chance that it ranks a forgotten image above an '
        'unseen one (area under its curve); 0.5 is guessing.'),
    _attack(
        'lira_auc', 'U-LiRA',
        'The strongest attack here: it compares every image with itself, under '
        'models that learnt and unlearned it and models that never saw it. The '
        'chance that it ranks a forgotten image above an unseen one; 0.5 is '
        'guessing.'),
)
