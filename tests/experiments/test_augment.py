"""Images are cropped and mirrored, each in its own way, and trained on as they are."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments import augment
from unsc_jax import models
from unsc_jax import problem
from unsc_jax import training

PAD = 2
IMAGES = np.random.default_rng(0).normal(size=(40, 5, 7, 3)).astype(np.float32)


def _found(image, of):
  """Offset, and whether mirrored, of the window of a padded image that this is."""
  padded = np.pad(of, ((PAD, PAD), (PAD, PAD), (0, 0)))
  return [(i, j, flipped) for i in range(2 * PAD + 1) for j in range(2 * PAD + 1)
          for flipped, window in enumerate(
              (padded[i:i + 5, j:j + 7], padded[i:i + 5, j:j + 7][:, ::-1]))
          if np.array_equal(window, image)]


@pytest.mark.parametrize('flip', [True, False])
def test_every_image_is_one_window_of_its_own(flip):
  change = jax.jit(augment.crop_and_flip(PAD, flip))
  found = [_found(*pair) for key in range(3)
           for pair in zip(np.asarray(change(jax.random.key(key), IMAGES)), IMAGES)]
  assert all(len(one) == 1 for one in found)
  rows, columns, mirrored = zip(*(one[0] for one in found))
  assert set(rows) == set(columns) == set(range(2 * PAD + 1))
  assert .3 < np.mean(mirrored) < .7 if flip else not any(mirrored)
  assert len(set(rows[:40])) > 1  # within one batch


def test_training_sees_what_augmentation_makes_of_the_images():
  labels = np.arange(40) % 2
  data = problem.Examples(IMAGES[:, :4, :4, :1] + 3 * labels[:, None, None, None], labels)
  network = models.from_linen(models.MLP(num_classes=2), (4, 4, 1))

  def last(change):
    recipe = training.Recipe(lambda steps: optax.adam(1e-2), 20, 20, change)
    return training.train(network, data, recipe, jax.random.key(0)).history['loss'][-1]

  assert last(None) < .1
  # Of images that are all alike nothing can be learnt but the share of each class.
  assert last(lambda key, x: jnp.zeros_like(x)) == pytest.approx(np.log(2), abs=.02)
