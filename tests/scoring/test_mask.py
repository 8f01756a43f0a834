"""The most probable class of each pixel."""

import numpy as np
import pytest

from dagen.scoring.predictor import mask


@pytest.mark.parametrize("classes", [1, 2, 5])
def test_a_mask_is_the_first_of_the_largest(classes: int) -> None:
    probabilities = np.random.default_rng(0).integers(0, 4, (classes, 30, 40)).astype(np.float32)
    before = probabilities.copy()
    found = mask(probabilities)
    assert found.dtype == np.uint8 and found.shape == (30, 40)
    assert np.array_equal(found, probabilities.argmax(0))
    assert np.array_equal(probabilities, before)
