import numpy as np
import pytest

from dagen.datasets.loading.strong import Strong


def _plain(**changes: object) -> Strong:
    values = {
        "angle": 0.0, "gains": (1.0, 1.0, 1.0), "contrast": 1.0, "brightness": 1.0, "grey": False,
        **changes,
    }  # fmt: skip
    return Strong(**values)  # type: ignore[arg-type]


def _image(size: tuple[int, int] = (40, 60)) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)


def test_draws_stay_in_their_ranges() -> None:
    drawn = [Strong.draw(np.random.default_rng(k)) for k in range(400)]
    angles = np.array([one.angle for one in drawn])
    assert 0.4 < (angles == 0).mean() < 0.6 and 20 < np.abs(angles).max() <= 25
    factors = np.array([[*one.gains, one.contrast, one.brightness] for one in drawn])
    assert 0.6 <= factors.min() < 0.62 and 1.38 < factors.max() <= 1.4
    assert 0.1 < np.mean([one.grey for one in drawn]) < 0.2
    assert Strong.draw(np.random.default_rng(3)) == Strong.draw(np.random.default_rng(3))


def test_image_label_and_map_turn_alike() -> None:
    thing = np.zeros((41, 41), np.uint8)
    thing[5:12, 18:23] = 1  # above the middle
    change = _plain(angle=25.0)
    label = change.turned(thing, "nearest")
    shown = change.turned(thing * np.uint8(255))
    image = change.turned(np.repeat(thing[..., None] * np.uint8(255), 3, 2))
    assert set(np.unique(label)) == {0, 1}
    assert np.array_equal(image[..., 1], shown)
    assert ((shown > 127) != (label == 1)).mean() < 0.01
    y, x = (axis.mean() for axis in np.nonzero(label))
    down, right = 8 - 20, 20 - 20  # turned counter-clockwise, what is above moves left
    angle = np.deg2rad(25)
    assert y - 20 == pytest.approx(down * np.cos(angle) - right * np.sin(angle), abs=0.5)
    assert x - 20 == pytest.approx(down * np.sin(angle) + right * np.cos(angle), abs=0.5)


def test_no_corner_is_empty_and_layers_keep_their_shape() -> None:
    change = _plain(angle=-25.0)
    assert change.turned(np.full((40, 60, 3), 90, np.uint8)).min() == 90
    assert change.turned(np.zeros((40, 60, 7), np.float32)).shape == (40, 60, 7)
    assert change.turned(np.zeros((40, 60, 1), np.uint8)).shape == (40, 60, 1)


def test_colours_follow_the_formula() -> None:
    image = _image()
    assert np.array_equal(_plain().coloured(image), image)
    found = _plain(gains=(0.6, 1.0, 1.4), contrast=0.7, brightness=1.2).coloured(image)
    x = image * np.array([0.6, 1.0, 1.4])
    wanted = ((x.mean() + 0.7 * (x - x.mean())) * 1.2).clip(0, 255)
    assert found.dtype == np.uint8 and np.abs(found - wanted).max() <= 0.51
    grey = _plain(grey=True).coloured(image)
    assert np.array_equal(grey[..., 0], grey[..., 2])
