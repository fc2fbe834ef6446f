"""Accuracies, and their summaries."""

from unsc_jax.report.metrics import metric

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
        'model, multiplied over forgotten and remaining images.',
        '1, for no gap anywhere. It sums up columns that are judged one by one, '
        'so it does not count again.',
        'Cannot be seen here: a gap on either side lowers it alike. Look at the '
        'accuracies.')),
    metric.unjudged(metric.share(
        'average_gap', 'Average gap', 'summary',
        'The mean distance to the retrained model over the accuracies, and the '
        'membership attack where there is one.',
        '0 %. It sums up columns that are judged one by one, so it does not '
        'count again.',
        'Cannot be seen here: a gap on either side raises it alike. Look at the '
        'accuracies.')),
)
