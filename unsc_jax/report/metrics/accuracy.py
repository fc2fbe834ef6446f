"""Accuracies, and their summaries."""

from unsc_jax.report.metrics import metric

_NO_GAP = (
    '{}, for no gap anywhere. It is made of gaps, so it has none of its own, and '
    'sums up columns that are judged one by one, so it does not count again.')

METRICS = (
    metric.share(
        'forget_test', 'Forget accuracy (test)', 'forget',
        'The share of unseen images of the forgotten classes that still get '
        'their old label.',
        'What the retrained model has. For whole classes that is 0 %, and masking '
        'a logit reaches it too, so it says that the class is not named any '
        'more, not that it is unknown.',
        'For single examples, a value below the retrained model’s: it would '
        'have got some of them right without ever seeing them.',
        images=('test', 'forget')),
    metric.share(
        'retain_test', 'Retain accuracy (test)', 'retain',
        'The mean accuracy over the remaining classes, on unseen images.',
        'What the retrained model has; less is harm done in passing.',
        'A fall below the retrained model: more was taken away than was asked.',
        images=('test', 'retain')),
    metric.share(
        'forget_train', 'Forget accuracy (train)', 'forget',
        'The share of the very images to be forgotten that still get their old '
        'label.',
        'What the retrained model has, which never saw them.',
        'A value below the retrained model’s: avoiding the old label on just '
        'these images gives away which they were.',
        images=('train', 'forget')),
    metric.share(
        'retain_train', 'Retain accuracy (train)', 'retain',
        'The mean accuracy over the remaining classes, on the images trained on.',
        'What the retrained model has; less is harm done in passing.',
        'A fall below the retrained model: more was taken away than was asked.',
        images=('train', 'retain')),
    metric.unjudged(metric.decimal(
        'tow', 'Tug of war', 'summary',
        'One number for several accuracies: 1 minus the gap to the retrained '
        'model, multiplied over forgotten and remaining images, trained on and '
        'unseen.', _NO_GAP.format('1'),
        'Cannot be seen here: a gap on either side lowers it alike. Look at the '
        'accuracies.')),
    metric.unjudged(metric.decimal(
        'tow_mia', 'Tug of war with attack', 'summary',
        'The same product with the classifier attack on the forgotten images in '
        'the place of the accuracy on them.', _NO_GAP.format('1'),
        'Cannot be seen here: a gap on either side lowers it alike. Look at what it '
        'is made of.')),
    metric.unjudged(metric.share(
        'average_gap', 'Average gap', 'summary',
        'The mean distance to the retrained model over the accuracies here and the '
        'classifier attack.', _NO_GAP.format('0 %'),
        'Cannot be seen here: a gap on either side raises it alike. Look at the '
        'accuracies.')),
)
