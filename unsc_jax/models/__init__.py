"""The paper's networks, two small and two large ones, in Flax linen.

All are called as `model.apply(variables, x, train=False)` with `x` float32
`[B, H, W, channels]` and return logits `[B, num_classes]`. In training they
need the rng 'dropout' where they drop, and the mutable collection
'batch_stats' where they normalise. The library itself works with any JAX
function and knows none of them.
"""

from unsc_jax.models.linen import from_linen
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
    'from_linen',
)
