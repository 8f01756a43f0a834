import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dagen.datasets.maps.salience import filled, salience


def _ground(seed: int = 0, size: tuple[int, int] = (120, 160)) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return (draw.normal(110, 8, (*size, 1)) + np.array([10, 0, -20])).clip(0, 255).astype(np.uint8)


def _disc(size: tuple[int, int], centre: tuple[int, int], radius: int) -> np.ndarray:
    y, x = np.ogrid[: size[0], : size[1]]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2


def _iou(found: np.ndarray, truth: np.ndarray) -> float:
    return float((found & truth).sum() / (found | truth).sum())


@pytest.mark.parametrize("colour", [(230, 230, 230), (15, 15, 20), (200, 40, 30), (60, 110, 190)])
def test_a_thing_stands_out_whatever_its_colour(colour: tuple[int, int, int]) -> None:
    image, thing = _ground(), _disc((120, 160), (60, 90), 22)
    image[thing] = colour
    shown = salience(image)
    assert shown.shape == (120, 160) and shown.dtype == np.uint8
    assert _iou(shown > 100, thing) > 0.8


def test_what_reaches_the_edges_is_ground() -> None:
    image, thing = _ground(), _disc((120, 160), (60, 90), 16)
    wall = np.zeros_like(thing)
    wall[:, :30] = wall[100:] = True
    image[thing] = image[wall] = (230, 230, 230)
    shown = salience(image)
    assert shown[thing].mean() > 4 * shown[wall].mean()
    assert not salience(image[52:68, 82:98]).any()  # a crop's edges may be the thing's own


def test_specks_do_not_stand_out() -> None:
    image = _ground()
    image[60:63, 90:93] = 255
    assert salience(image).max() < 128
    image[50:75, 80:105] = 255
    assert salience(image).max() > 200


@pytest.mark.parametrize("size", [(20, 31), (400, 90), (80, 80), (3, 500)])
def test_any_size_and_a_plain_image(size: tuple[int, int]) -> None:
    assert salience(_ground(size=size)).shape == size
    assert not salience(np.full((*size, 3), 77, np.uint8)).any()


@settings(max_examples=40, deadline=None)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 7))))
def test_holes_are_filled_to_their_lowest_way_out(grey: np.ndarray) -> None:
    below = np.maximum(_lowest_way_out(grey) - 1, 0)  # the step below
    assert np.allclose(filled(grey, levels=255), below, atol=1e-3)


def _lowest_way_out(grey: np.ndarray) -> np.ndarray:
    """Dijkstra's way: from the outside in, the lowest height first."""
    height, width = grey.shape
    found = np.full(grey.shape, -1.0)
    reached = [
        (int(grey[y, x]), y, x)
        for y in range(height)
        for x in range(width)
        if y in (0, height - 1) or x in (0, width - 1)
    ]
    heapq.heapify(reached)
    while reached:
        level, y, x = heapq.heappop(reached)
        if found[y, x] >= 0:
            continue
        found[y, x] = level
        for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= v < height and 0 <= u < width and found[v, u] < 0:
                heapq.heappush(reached, (max(level, int(grey[v, u])), v, u))
    return found
