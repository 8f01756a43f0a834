import pickle

import numpy as np
import pytest
import torch

from dagen.models.layers.pretrained import EFFICIENTNET_LITE0
from dagen.scoring.naming.features import ImageNetFeatures
from dagen.types import Image, Pixels

pytestmark = pytest.mark.skipif(
    EFFICIENTNET_LITE0.find() is None, reason="the ImageNet weights are not installed"
)


def pictures() -> list[tuple[Image, Pixels]]:
    draw = np.random.default_rng(0)
    found = []
    for _ in range(3):
        image = draw.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        mask: Pixels = np.zeros((64, 64), np.uint8)
        mask[16:48, 16:32] = 255
        found.append((image, mask))
    return found


def test_a_vector_is_the_mean_over_the_region() -> None:
    features = ImageNetFeatures()
    found = features(pictures())
    assert found.shape == (3, 112) and found.dtype == np.float32
    image, _ = pictures()[1]
    x = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        cells = features._opened()((x - 127) / 128)[16][0]
    # The region is rows 1 and 2, column 1 of the 4 x 4 cells.
    assert np.allclose(found[1], cells[:, 1:3, 1].mean(1), atol=0.01)


def test_many_are_asked_in_parts_and_none_gives_none() -> None:
    features = ImageNetFeatures()
    many = pictures() * 7
    assert np.allclose(features(many)[16:18], features(many[16:18]), atol=1e-4)
    assert features([]).shape == (0, 112)
    again = pickle.loads(pickle.dumps(features))
    assert np.allclose(again(many[:2]), features(many[:2]), atol=1e-6)
