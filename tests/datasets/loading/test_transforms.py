import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagen.datasets.loading import transforms
from dagen.datasets.loading.transforms import Window
from dagen.datasets.maps.base import Resizing


@given(st.integers(8, 4000), st.integers(8, 4000))
def test_cover_covers_at_the_smallest_scale(height: int, width: int) -> None:
    size = (64, 128)
    rows, columns = transforms.cover((height, width), size)
    strip = max(size[0] / height, size[1] / width) ** 2 * height * width > 4 * 64 * 128
    if strip:
        assert rows * columns <= 4 * 64 * 128 * 1.1 + 128 * 4
    else:
        assert rows >= size[0] - 1 and columns >= size[1] - 1
        assert abs(rows - size[0]) <= 1 or abs(columns - size[1]) <= 1


@given(st.integers(8, 900), st.integers(8, 900))
def test_cover_rounds_to_the_multiple(height: int, width: int) -> None:
    rows, columns = transforms.cover((height, width), (64, 128), 32)
    assert rows % 32 == 0 and columns % 32 == 0 and rows >= 32 and columns >= 32


def _numbered(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    label = (np.arange(height)[:, None] // 8 + np.arange(width)[None] // 8).astype(np.uint8) % 5
    return np.repeat((label * 50)[..., None], 3, axis=2), label


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.integers(20, 90), st.integers(20, 90))
def test_windows_keep_image_label_and_maps_together(seed: int, height: int, width: int) -> None:
    image, label = _numbered(height, width)
    window = Window.draw(image.shape, (32, 48), 2.0, np.random.default_rng(seed))
    cropped, mask = window.image(image), window.label(label)
    assert cropped.shape == (32, 48, 3) and mask.shape == (32, 48)
    inside = cropped[..., 0] % 50 == 0  # off the interpolated borders
    agree = cropped[..., 0][inside] // 50 == mask[inside]
    assert agree.mean() > 0.8
    assert np.array_equal(window.map(label, "nearest"), mask)
    assert np.array_equal(window.map(label / 7, "nearest"), (mask / 7).astype(np.float32))
    assert np.array_equal(window.map(image, "bilinear"), cropped)
    single = window.map(label[..., None].astype(np.float16), "bilinear")
    assert single.shape == (32, 48, 1) and single.dtype == np.float32
    assert np.abs(single[..., 0] - cropped[..., 0] / 50).max() < 0.05


@pytest.mark.parametrize(("resized", "blended"), [("nearest", False), ("bilinear", True)])
def test_a_kind_of_map_says_whether_its_values_may_be_blended(
    resized: Resizing, blended: bool
) -> None:
    window = Window(slice(0, 2), slice(0, 2), False, (8, 8))
    values = set(window.map(np.array([[0.0, 1.0], [0.0, 1.0]]), resized).ravel().tolist())
    assert {0.0, 1.0} <= values and (len(values) > 2) is blended


def test_zoom_one_takes_the_largest_window() -> None:
    image, _ = _numbered(64, 128)
    image[:] = np.arange(128, dtype=np.uint8)[None, :, None]
    window = Window.draw(image.shape, (64, 128), 1.0, np.random.default_rng(0))
    assert sorted(set(window.image(image)[0, :, 0].tolist())) == list(range(128))


def test_labels_are_never_interpolated() -> None:
    label = np.array([[0, 4], [255, 0]], np.uint8)
    assert set(np.unique(transforms.resize_label(label, (64, 64)))) == {0, 4, 255}


def test_camera_defects_follow_the_generator() -> None:
    pytest.importorskip("albumentations")
    image = np.random.default_rng(0).integers(0, 255, (32, 48, 3)).astype(np.uint8)
    once = [transforms.camera(image, np.random.default_rng(seed)) for seed in range(4)]
    again = [transforms.camera(image, np.random.default_rng(seed)) for seed in range(4)]
    for first, second in zip(once, again, strict=True):
        np.testing.assert_array_equal(first, second)
    assert any((first != image).any() for first in once)
