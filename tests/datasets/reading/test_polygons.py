"""Drawing against an independent, slow point-in-polygon test."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dagen.datasets.reading.polygons import fill_polygons, polygon_area
from tests.fuzz import FUZZ

SIZE = (24, 32)
COORDINATE = st.floats(-20, 50, allow_nan=False)
POLYGON = st.lists(COORDINATE, min_size=6, max_size=16).filter(lambda p: len(p) % 2 == 0)


def _centres_inside(
    polygon: list[float], size: tuple[int, int]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """By the even-odd rule: whether each pixel's centre is inside; its distance to the outline."""
    points = np.array(polygon).reshape(-1, 2)
    inside = np.zeros(size, dtype=bool)
    distance = np.full(size, np.inf)
    for row in range(size[0]):
        for column in range(size[1]):
            at = np.array([column + 0.5, row + 0.5])
            for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
                if (start[1] > at[1]) != (end[1] > at[1]):
                    slope = (end[0] - start[0]) / (end[1] - start[1])
                    inside[row, column] ^= at[0] < start[0] + (at[1] - start[1]) * slope
                edge = end - start
                along = np.dot(at - start, edge) / max(np.dot(edge, edge), 1e-12)
                nearest = start + np.clip(along, 0, 1) * edge
                distance[row, column] = min(distance[row, column], np.hypot(*(at - nearest)))
    return inside, distance


def _drawn(polygon: list[float], size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    canvas = np.zeros(size, dtype=np.uint8)
    fill_polygons(canvas, [polygon], 7)
    return canvas


@pytest.mark.parametrize("seed", range(6))
def test_drawn_pixels_are_those_with_their_centre_inside(seed: int) -> None:
    polygon = np.random.default_rng(seed).uniform(-6, 30, size=10).tolist()
    inside, distance = _centres_inside(polygon, SIZE)
    # Corners and crossings move to a grid of a fifth of a pixel.
    far = distance > 0.3
    assert np.array_equal(_drawn(polygon)[far] == 7, inside[far])


# Number of pixels that pycocotools 2.0.11 draws on a canvas of 24 x 32.
REFERENCE = [
    ([10, 10, 20, 10, 20, 20, 10, 20], 100),
    ([10.5, 10.5, 11.5, 10.5, 11.5, 11.5, 10.5, 11.5], 1),
    ([2, 3, 5.99, 3, 5.99, 6.99, 2, 6.99], 16),
    ([0, 0, 32, 0, 32, 24, 0, 24], 768),
    ([-9e3, -9e3, 9e3, -9e3, 9e3, 9e3, -9e3, 9e3], 768),
    ([1, 1, 30, 22, 30, 1, 1, 22], 304),
    ([4.2, 1.7, 28.9, 9.3, 17.4, 22.8, 12.1, 5.5, 3.3, 20.6], 225),
]


@pytest.mark.parametrize(("polygon", "pixels"), REFERENCE)
def test_areas_of_the_reference(polygon: list[float], pixels: int) -> None:
    assert (_drawn(polygon) == 7).sum() == pixels


@FUZZ
@given(st.one_of(POLYGON, POLYGON.map(lambda p: [round(2 * v) / 2 for v in p])))
def test_every_pixel_is_the_reference_s(polygon: list[float]) -> None:
    reference = pytest.importorskip("pycocotools.mask", reason="the reference is not installed")
    expected = reference.decode(reference.frPyObjects([polygon], *SIZE))[:, :, 0]
    if expected.any():  # otherwise the outline is drawn
        assert np.array_equal(_drawn(polygon), 7 * expected)


@pytest.mark.parametrize("polygon", [[3.1, 3.1, 3.3, 3.1, 3.2, 3.3], [2, 5.1, 20, 5.1, 20, 5.2]])
def test_a_thin_object_keeps_the_pixels_of_its_outline(polygon: list[float]) -> None:
    canvas = _drawn(polygon)
    rows, columns = np.nonzero(canvas)
    assert [*np.unique(rows)] == [int(polygon[1])]
    assert [*columns] == list(range(int(polygon[0]), int(polygon[2]) + 1))


def test_parts_add_up() -> None:
    canvas = np.zeros(SIZE, np.uint8)
    fill_polygons(canvas, [[0, 0, 4, 0, 4, 4, 0, 4], [2, 2, 6, 2, 6, 6, 2, 6], [9, 9]], 1)
    assert canvas.sum() == 16 + 16 - 4


def test_an_outline_of_many_crossing_corners_is_drawn_or_refused_at_once() -> None:
    turns = np.random.default_rng(0).uniform(0, 1, (20_000, 2))
    begin = time.monotonic()
    small = _drawn((turns * 64).ravel().tolist(), (64, 64))
    assert 1500 < (small == 7).sum() < 2600
    with pytest.raises(ValueError, match=r"20000 corners crosses the image's columns .* times"):
        _drawn((turns * 4000).ravel().tolist(), (4000, 4000))
    assert time.monotonic() - begin < 10  # a loaded machine; a tenth of it otherwise


@FUZZ
@given(POLYGON)
def test_any_polygon_is_drawn_or_refused(polygon: list[float]) -> None:
    canvas = _drawn(polygon)
    assert {*np.unique(canvas).tolist()} <= {0, 7}


@FUZZ
@given(POLYGON, st.floats(-1000, 1000), st.floats(-1000, 1000))
def test_area_does_not_depend_on_place_or_start(polygon: list[float], dx: float, dy: float) -> None:
    area = polygon_area(polygon)
    moved = [value + (dy if i % 2 else dx) for i, value in enumerate(polygon)]
    assert polygon_area(moved) == pytest.approx(area, abs=1e-6)
    assert polygon_area(polygon[2:] + polygon[:2]) == pytest.approx(area, abs=1e-6)
    assert polygon_area(np.array(polygon).reshape(-1, 2)[::-1].ravel().tolist()) == pytest.approx(
        area, abs=1e-6
    )


def test_area_of_a_triangle() -> None:
    assert polygon_area([0, 0, 4, 0, 0, 3]) == 6


@pytest.mark.parametrize("polygon", [[], [1, 1], [1, 1, 9, 9]])
def test_fewer_than_three_points_enclose_nothing(polygon: list[float]) -> None:
    assert polygon_area(polygon) == 0
    assert not _drawn(polygon).any()


@pytest.mark.parametrize(
    ("polygon", "message"),
    [
        ([1.0, 2, 3, 4, 5], "5 numbers"),
        ([0, 0, 1e9, 0, 0, 5], "a million"),
        ([0, 0, float("nan"), 0, 0, 5], "a million"),
    ],
)
def test_invalid_polygons(polygon: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _drawn(polygon)


def test_far_corners_are_cut_off() -> None:
    assert (_drawn([-9e5, -9e5, 9e5, -9e5, 9e5, 9e5, -9e5, 9e5]) == 7).all()
