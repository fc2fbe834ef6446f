"""How little has moved of what was to stay, and whether the sums are sound."""

from unsc_jax.report import numerals
from unsc_jax.report.metrics import metric

LEAK_BOUND = 1e-5

METRICS = (
    metric.Metric(
        'logit_drift', 'Logit drift', 'kept',
        'How far the logits of the remaining classes moved on their unseen '
        'images, relative to their size.',
        'Little, if the aim is that all else stays as it was. Doing nothing '
        'gives 0, and retraining moves them far: read it beside the probe.',
        'Much drift without need: answers were changed that nobody asked to '
        'change.', numerals.small_percent),
    metric.Metric(
        'flips', 'Flips', 'kept',
        'The share of unseen images of the remaining classes whose predicted '
        'class changed.',
        'Little, but not always 0: an image mistaken for the forgotten class '
        'has to be called something else.',
        'Many more flips than masking the logit makes.', numerals.small_percent),
    metric.Metric(
        'layer_drift', 'Layer drift', 'kept',
        'The largest relative change of any layer’s output that the stored '
        'moments foretell, without data. A measured number for the inputs the '
        'moments were taken of, not a promise.',
        'Little; it is what UNSC keeps small by construction.',
        'As for logit drift.', numerals.small_percent),
    metric.Metric(
        'leak', 'Leak', 'check',
        'The largest share of a weight change that lies outside the null space '
        'it was to stay in.',
        f'At most {numerals.scientific(LEAK_BOUND)}, the rounding of float32. It '
        'tells that the projection works, nothing about forgetting.',
        'Does not apply.', numerals.scientific),
)
