"""Colours are exact, fixed per class, and the image shows through."""

import numpy as np
import pytest

from dagen.errors import UsageError
from dagen.scoring.overlay import HATCH, colourise, legend, overlay
from dagen.types import IGNORE, Task

MATERIAL = Task.MATERIAL
STREET = Task("classes", ("road", "car"), ((9, 0, 0), (0, 9, 0)), background=False)


def test_colourise_is_exact() -> None:
    label = np.array([[0, 1, 2], [3, 4, 0]], np.uint8)
    expected = [
        [(0, 0, 0), (86, 180, 233), (230, 159, 0)],
        [(0, 158, 115), (204, 121, 167), (0, 0, 0)],
    ]
    assert np.array_equal(colourise(label, MATERIAL), np.array(expected, np.uint8))
    binary = colourise(np.ones((1, 1), np.uint8), Task.BINARY)
    assert binary.tolist() == [[[213, 94, 0]]]


def test_ignored_pixels_are_hatched_along_the_diagonal() -> None:
    drawn = colourise(np.full((7, 7), IGNORE, np.uint8), MATERIAL)
    first_row = [tuple(pixel) for pixel in drawn[0].tolist()]
    assert first_row == [HATCH[0]] * 3 + [HATCH[1]] * 3 + [HATCH[0]]
    assert np.array_equal(drawn[0, 1:], drawn[1, :-1])


def test_overlay_leaves_background_blends_inside_and_outlines() -> None:
    image = np.full((12, 12, 3), 100, np.uint8)
    label = np.zeros((12, 12), np.uint8)
    label[3:9, 3:9] = 2
    drawn = overlay(image, label, MATERIAL, alpha=0.25)
    assert (drawn[label == 0] == 100).all()
    assert (drawn[3, 3:9] == (230, 159, 0)).all() and (drawn[3:9, 8] == (230, 159, 0)).all()
    blend = np.rint(100 * 0.75 + np.array([230, 159, 0]) * 0.25)
    assert (drawn[4:8, 4:8] == blend).all()
    assert (image == 100).all()


def test_neighbouring_classes_are_both_outlined() -> None:
    label = np.ones((4, 8), np.uint8)
    label[:, 4:] = 3
    drawn = overlay(np.zeros((4, 8, 3), np.uint8), label, MATERIAL, alpha=0)
    inked = drawn.max(axis=2) > 0
    assert inked[:, 3:5].all() and not inked[:, :3].any() and not inked[:, 5:].any()


@pytest.mark.parametrize(
    ("label", "alpha", "message"),
    [
        (np.zeros((3, 4), np.uint8), 0.5, "label's size|image's size"),
        (np.full((4, 4), 5, np.uint8), 0.5, "the label has the id 5; ids are 0 to 4"),
        (np.zeros((4, 4), np.uint8), 1.5, "alpha is 1.5"),
    ],
)
def test_wrong_input_is_one_clear_line(label: np.ndarray, alpha: float, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        overlay(np.zeros((4, 4, 3), np.uint8), label, MATERIAL, alpha)
    assert "\n" not in str(caught.value)


def test_a_task_without_background_is_drawn_from_its_first_class_on() -> None:
    drawn = overlay(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.uint8), STREET, alpha=1)
    assert (drawn == (9, 0, 0)).all()
    found = {tuple(pixel) for pixel in np.asarray(legend(STREET, 200)).reshape(-1, 3).tolist()}
    assert {*STREET.colours} <= found


def test_legend_shows_every_colour_and_wraps_where_it_must() -> None:
    wide, narrow = legend(MATERIAL, 600, ignored=True), legend(MATERIAL, 120, ignored=True)
    for strip, width in ((wide, 600), (narrow, 120)):
        found = {tuple(pixel) for pixel in np.asarray(strip).reshape(-1, 3).tolist()}
        assert {*MATERIAL.colours[1:], *HATCH} <= found
        assert strip.width == width
    assert narrow.height == 5 * wide.height
