"""One map for all networks: shared axes, the same again with the same seed."""

import numpy as np
import pytest

from dagen.errors import UsageError
from dagen.visualization.embedding import joint_map, lying, require_one_size


def _two_blobs(seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return (draw.normal(size=(60, 6)) + 8 * (np.arange(60) % 2)[:, None]).astype(np.float32)


def test_networks_share_axes_and_scale_does_not_count() -> None:
    shares: list[float] = []
    features = _two_blobs()
    places = joint_map([features, 5 * features - 2], 3, shares.append)
    assert places.shape == (2, 60, 2) and places.dtype == np.float32
    # One pixel with equal (standardised) features has one place, to within the map's grain.
    apart = np.linalg.norm(places[0] - places[1], axis=1).mean()
    blobs = [places[:, k::2].reshape(-1, 2) for k in (0, 1)]
    gap = np.linalg.norm(blobs[0].mean(0) - blobs[1].mean(0))
    assert apart < 0.25 * gap
    assert gap > 2 * max(blob.std(0).max() for blob in blobs)
    assert shares == sorted(shares) and shares[-1] == 1
    assert np.array_equal(joint_map([features, 5 * features - 2], 3), places)
    assert not np.array_equal(joint_map([features, 5 * features - 2], 4), places)


def test_more_channels_than_fifty_are_reduced() -> None:
    wide = np.random.default_rng(0).normal(size=(80, 64)).astype(np.float32)
    places = joint_map([wide], 0)
    assert places.shape == (1, 80, 2) and np.isfinite(places).all()


def test_networks_of_two_kinds_are_refused() -> None:
    with pytest.raises(UsageError, match="6, 5 channels"):
        joint_map([_two_blobs(), _two_blobs()[:, :5]], 0)
    with pytest.raises(UsageError, match="raise --points"):
        joint_map([_two_blobs()[:2], _two_blobs()[:2]], 0)
    require_one_size([16, 16])


def test_a_map_is_rotated_to_landscape_and_keeps_its_distances() -> None:
    draw = np.random.default_rng(0)
    places = (draw.exponential(size=(50, 2)) @ np.array([[1, 5], [0, 2]])).astype(np.float32)
    turned = lying(places)
    assert turned[:, 0].std() > turned[:, 1].std()
    for given in (places, -places):
        assert np.allclose(lying(given)[:, 0].mean(), 0, atol=1e-4)
        far = np.linalg.norm(given[:, None] - given, axis=2)
        assert np.allclose(np.linalg.norm(turned[:, None] - turned, axis=2), far, atol=1e-3)
    assert np.allclose(np.abs(lying(-places)), np.abs(turned), atol=1e-3)
