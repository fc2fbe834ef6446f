"""What the features still know, whatever the head makes of them."""

from unsc_jax.report import numerals
from unsc_jax.report.metrics import metric

_GOOD = (
    'What the retrained model has: a class can have a place of its own without '
    'ever having been seen.')

METRICS = (
    metric.share(
        'probe', 'Linear probe', 'forget',
        'A fresh linear classifier, with the true labels, on the features of the '
        'last layer: how often does it find the forgotten classes? It looks '
        'behind the answers, at what the network can still tell apart.',
        'What the retrained model has, which is far from chance: a class can be '
        'told apart without ever having been seen. More is knowledge left '
        'behind.',
        'A value below the retrained model’s: features were damaged, and '
        'the hole shows where the class had been.',
        verb='finds', images=('test', 'forget')),
    metric.decimal(
        'nmi', 'Feature NMI', 'forget',
        'Features are grouped into clusters without any label: how well do the '
        'clusters match the true classes (normalised mutual information, 0 to '
        '1)?', _GOOD,
        'A value below the retrained model’s: features were scattered or '
        'collapsed.'),
    metric.decimal(
        'feature_f1', 'Feature F1', 'forget',
        'Of the same clusters: are images of a forgotten class found together '
        'and apart from the others (0 to 1)?', _GOOD,
        'A value below the retrained model’s: features were scattered or '
        'collapsed.'),
    metric.decimal(
        'alignment', 'Dimensional alignment', 'forget',
        'The share of the forgotten images’ features that the main '
        'directions of the remaining images’ features explain. A network '
        'that knows a class gives it a direction of its own.',
        'What the retrained model has; less means that the class still has '
        'directions of its own.',
        'A value above the retrained model’s: collapsed features align '
        'perfectly.', left='below'),
    metric.decimal(
        'cka', 'CKA', 'likeness',
        'How alike the features are to the retrained model’s, up to rotation '
        'and scale (centred kernel alignment, 1 is equal). It can be fooled; '
        'never read it alone.',
        'What two retrained models of different seeds have.',
        'Lowers it as any other unlikeness does.', ideal=1.),
    metric.Metric(
        'relearn_steps', 'Relearn time', 'forget',
        'Training steps on a few forgotten images until 95 % of the original '
        'accuracy on unseen ones like them is back. What was only hidden comes back '
        'quickly. Counting stops at a limit: > 40 steps means that it was not back '
        'by then.',
        'As many as the retrained model needs, which learns the class anew.',
        'More steps than the retrained model needs: the network was made '
        'resistant to the class.',
        numerals.steps, numerals.count_gap, ' steps', left='below'),
)
