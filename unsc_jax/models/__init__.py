"""Networks of any framework as a `Network`; the paper's, two small and two large ones.

`from_linen`, `from_nnx`, `from_equinox` and `from_haiku` bring dropout, BatchNorm and
its re-estimation; Equinox and Haiku are imported by theirs alone. The networks here are
of Flax linen. All are called as `model.apply(variables, x, train=False)` with `x` float32
`[B, H, W, channels]` and return logits `[B, num_classes]`. In training they
need the rng 'dropout' where they drop, and the mutable collection
'batch_stats' where they normalise. The library itself works with any JAX
function and knows none of them.
"""

from unsc_jax.models.equinox import from_equinox
from unsc_jax.models.haiku import from_haiku
from unsc_jax.models.linen import from_linen
from unsc_jax.models.nnx import from_nnx
from unsc_jax.models.resnet import ResNet18
from unsc_jax.models.resnet import ResNet50
from unsc_jax.models.small_images import AlexNet
from unsc_jax.models.small_images import AllCNN
from unsc_jax.models.small_images import MLP
from unsc_jax.models.small_images import SmallCNN
from unsc_jax.models.small_images import VGG11
from unsc_jax.models.vit import ViT

__all__ = (
    'MLP', 'VGG11', 'AlexNet', 'AllCNN', 'ResNet18', 'ResNet50', 'SmallCNN', 'ViT',
    'from_equinox', 'from_haiku', 'from_linen', 'from_nnx',
)
