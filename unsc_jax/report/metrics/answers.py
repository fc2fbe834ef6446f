"""How like a retrained model's the answers are.

A distance to retrained models has no natural size: two retrained models differ
too. Distances are means over the retrained models, and the retrained row holds
those between retrained models of different seeds: being as near as that is good.
"""

from unsc_jax.report.metrics import metric

_OVER = (
    'Moves it the same way as knowledge left behind: any unlikeness counts. '
    'The other measures tell which it is.')

METRICS = (
    metric.share(
        'agreement', 'Agreement', 'likeness',
        'The share of unseen images on which the same class is named as by the '
        'retrained model, right or wrong.',
        'As much as two retrained models of different seeds agree; 100 % '
        'is not to be expected.', _OVER, ideal=1.),
    metric.decimal(
        'js_divergence', 'JS divergence (unseen)', 'likeness',
        'How far the predicted probabilities lie from the retrained model’s '
        '(Jensen-Shannon divergence in nats, mean over all unseen images); 0 is '
        'equal, 0.693 the most there is.',
        'What two retrained models of different seeds have.', _OVER, ideal=0.),
    metric.decimal(
        'js_forget', 'JS divergence (forgotten)', 'likeness',
        'The same divergence on the very images that were to be forgotten, as most '
        'papers give it; 0 is equal, 0.693 the most there is.',
        'What two retrained models of different seeds have.', _OVER, ideal=0.),
    metric.share(
        'told_from_retrained', 'Told from retrained', 'likeness',
        'A small classifier sees answers to the forgotten images and has to '
        'say whether the unlearned or the retrained model gave them: how often '
        'it is right.',
        '50 %, for guessing, or what two retrained models of different seeds '
        'have.', _OVER, ideal=.5),
    metric.decimal(
        'klom', 'KLoM', 'likeness',
        'Image by image, how far the confidences of several unlearned models '
        'are spread from those of several retrained ones (KL divergence of '
        'margins, in nats); 0 is equal.',
        'What retrained models have against others of their kind, which with '
        'few models is far above 0.', _OVER, ideal=0.),
    metric.decimal(
        'forgetting_score', 'Forgetting score', 'likeness',
        'For every forgotten image, how hard it is to tell unlearned from '
        'retrained models by their confidence in it; higher is harder. It is the '
        'forgetting quality F of the NeurIPS 2023 competition, whose final score '
        'multiplies it by ratios of accuracies; those have columns of their own.',
        'What retrained models have against others of their kind, which is far '
        'below 1 even for perfect forgetting.', _OVER, ideal=1.),
)
