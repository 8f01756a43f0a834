"""Drawing against an independent, slow point-in-polygon test."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dagen.datasets.reading.polygons import fill_polygon, fill_runs, polygon_area, runs_area
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
    fill_polygon(canvas, polygon, 7)
    return canvas


@pytest.mark.parametrize("seed", range(6))
def test_drawn_pixels_are_the_inner_ones_and_the_outline(seed: int) -> None:
    polygon = np.random.default_rng(seed).uniform(-6, 30, size=10).tolist()
    canvas = _drawn(polygon)
    inside, distance = _centres_inside(polygon, SIZE)
    # Corners move to the middle of their pixel, up to 0.71, and the outline is drawn with a
    # pen of half a pixel on each side.
    far = distance > 1.25
    assert np.array_equal(canvas[far] == 7, inside[far])
    assert (canvas[inside & (distance > 0.71)] == 7).all()


def test_corners_at_pixel_centres_are_exact() -> None:
    polygon = (np.random.default_rng(0).integers(0, 22, size=8) + 0.5).tolist()
    inside, distance = _centres_inside(polygon, SIZE)
    canvas = _drawn(polygon) == 7
    assert canvas[inside].all()
    assert not canvas[~inside & (distance > 0.5001)].any()


def test_pixel_edges_are_at_whole_numbers() -> None:
    canvas = _drawn([2.0, 3.0, 5.99, 3.0, 5.99, 6.99, 2.0, 6.99])
    rows, columns = np.nonzero(canvas)
    assert (columns.min(), columns.max()) == (2, 5)
    assert (rows.min(), rows.max()) == (3, 6)


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


@FUZZ
@given(st.integers(1, 7), st.integers(1, 7), st.randoms(use_true_random=False))
def test_runs_are_the_inverse_of_counting(height: int, width: int, draw) -> None:  # type: ignore[no-untyped-def]
    mask = np.array([[draw.randint(0, 1) for _ in range(width)] for _ in range(height)])
    counts, last = [0], 0
    for column in range(width):
        for row in range(height):
            if mask[row, column] != last:
                counts.append(0)
                last = mask[row, column]
            counts[-1] += 1
    canvas = np.zeros((height, width), dtype=np.uint8)
    fill_runs(canvas, counts, 9)
    assert np.array_equal(canvas, mask * 9)
    assert runs_area(counts) == mask.sum()


@FUZZ
@given(st.lists(st.integers(-3, 12), max_size=8))
def test_any_runs_are_drawn_or_refused(counts: list[int]) -> None:
    canvas = np.zeros((3, 4), dtype=np.uint8)
    try:
        fill_runs(canvas, counts, 1)
    except ValueError:
        assert sum(counts) != 12 or min(counts) < 0
        assert not canvas.any()
    else:
        assert canvas.sum() == runs_area(counts)
