"""Where parameters meet activations, read off the jaxpr of any function."""

from unsc_jax.capture.inputs import head_path
from unsc_jax.capture.inputs import layer_inputs
from unsc_jax.capture.site import Site
from unsc_jax.capture.sites import Sites
from unsc_jax.capture.sites import sites

__all__ = (
    'Site', 'Sites', 'head_path', 'layer_inputs', 'sites',
)
