"""Objects in a mask, against what pycocotools makes of their outlines."""

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from dagen.errors import UsageError
from dagen.scoring.objects import CocoObjects, Shape, feature, require_own, shapes
from dagen.types import Label, Task


def find(label: Label, **options: int) -> list[Shape]:
    confidence = np.full(label.shape, 0.75, np.float32)
    return shapes(label, confidence, Task.MATERIAL, **options)


def drawn(shape: Shape, size: tuple[int, int]) -> np.ndarray:
    corners = [float(side) for corner in shape.outline for side in corner]
    return coco.decode(coco.frPyObjects([corners], *size)[0]).astype(bool)


def filled(inside: np.ndarray) -> np.ndarray:
    """The region with its holes, by flooding the outside; pixels touch at sides only there."""
    padded = np.pad(inside.astype(np.uint8), 1)
    cv2.floodFill(padded, None, (0, 0), 2)
    return padded[1:-1, 1:-1] != 2


@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 12))
@settings(max_examples=150, deadline=None)
def test_an_outline_encloses_the_pixels_of_its_object(seed: int, height: int, width: int) -> None:
    label = np.random.default_rng(seed).choice([0, 0, 2, 3, 255], (height, width)).astype(np.uint8)
    found = find(label)
    assert sum(shape.area for shape in found) == int(np.isin(label, [1, 2, 3, 4]).sum())
    for shape in found:
        left, top, across, down = shape.box
        _, regions = cv2.connectedComponents((label == shape.label).astype(np.uint8))
        y, x = np.nonzero(drawn(shape, label.shape) & (label == shape.label))
        region = regions == regions[y[0], x[0]]
        np.testing.assert_array_equal(drawn(shape, label.shape), filled(region))
        assert shape.area == region.sum()
        ys, xs = np.nonzero(region)
        assert (left, top) == (xs.min(), ys.min())
        assert (across, down) == (xs.max() - left + 1, ys.max() - top + 1)


def test_a_box_has_four_corners() -> None:
    label = np.zeros((10, 20), np.uint8)
    label[2:5, 4:16] = 2
    (box,) = find(label)
    assert sorted(box.outline) == [(4, 2), (4, 5), (16, 2), (16, 5)]
    assert (box.area, box.box, box.centroid) == (36, (4, 2, 12, 3), (10.0, 3.5))
    assert box.orientation == 0 and box.score == 0.75
    # The ellipse of a rectangle's moments has axes of 4 / sqrt(12) times its sides.
    assert box.axes == pytest.approx((12 * 4 / math.sqrt(12), 3 * 4 / math.sqrt(12)))


@pytest.mark.parametrize("angle", [-80, -45, -10, 0, 30, 60, 89])
def test_the_orientation_of_a_turned_bar(angle: int) -> None:
    label = np.zeros((200, 200), np.uint8)
    corners = cv2.boxPoints(((100.0, 100.0), (120.0, 20.0), float(angle)))
    cv2.fillPoly(label, [np.round(corners).astype(np.int32)], 3)
    (bar,) = find(label)
    assert bar.orientation == pytest.approx(angle, abs=1.5)
    assert bar.centroid == pytest.approx((100.5, 100.5), abs=0.6)
    assert bar.axes == pytest.approx((121 * 4 / math.sqrt(12), 21 * 4 / math.sqrt(12)), rel=0.05)


def test_an_upright_bar_is_at_90_degrees() -> None:
    label = np.zeros((9, 9), np.uint8)
    label[1:8, 4] = 1
    assert find(label)[0].orientation == 90


def test_the_score_is_the_mean_over_the_object_alone() -> None:
    label = np.array([[2, 2, 0], [0, 0, 0], [0, 3, 3]], np.uint8)
    confidence = np.arange(9, dtype=np.float32).reshape(3, 3) / 10
    first, second = shapes(label, confidence, Task.MATERIAL)
    assert (first.label, second.label) == (2, 3)
    assert first.score == pytest.approx(0.05) and second.score == pytest.approx(0.75)


def test_small_objects_can_be_left_out() -> None:
    label = np.zeros((10, 10), np.uint8)
    label[0, 0] = label[5:8, 5:8] = 1
    assert [shape.area for shape in find(label)] == [1, 9]
    assert [shape.area for shape in find(label, least=2)] == [9]


def test_a_task_without_background_has_objects_of_every_class() -> None:
    task = Task("classes", ("road", "sky"), background=False)
    found = shapes(np.array([[0, 1]], np.uint8), np.ones((1, 2), np.float32), task)
    assert [shape.label for shape in found] == [0, 1]


def test_coco_tools_read_the_document(tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    label = np.zeros((30, 40), np.uint8)
    label[3:9, 5:15], label[20:26, 30:40] = 2, 4
    document = CocoObjects(Task.MATERIAL)
    document.add("empty.jpg", (8, 9), [])
    document.add("a/b.jpg", (30, 40), find(label))
    path = tmp_path / "objects.json"
    path.write_text(json.dumps(document.document()))
    read = COCO(str(path))
    assert [image["file_name"] for image in read.loadImgs(read.getImgIds())] == [
        "empty.jpg", "a/b.jpg",
    ]  # fmt: skip
    assert [c["name"] for c in read.loadCats(read.getCatIds())] == list(Task.MATERIAL.classes[1:])
    assert read.getAnnIds(imgIds=[1]) == []
    for entry in read.loadAnns(read.getAnnIds(imgIds=[2])):
        np.testing.assert_array_equal(read.annToMask(entry), label == entry["category_id"])
        assert entry["score"] == 0.75 and len(entry["centroid"]) == 2


def test_a_feature_is_a_closed_ring() -> None:
    label = np.zeros((4, 5), np.uint8)
    label[1:3, 1:4] = 1
    found = json.loads(json.dumps(feature("a.jpg", find(label)[0], Task.MATERIAL)))
    ring = found["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1] and len(ring) == 5
    assert found["properties"]["class"] == "aluminium" and found["properties"]["image"] == "a.jpg"


def test_no_file_of_the_users_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    require_own(path)
    path.write_text(json.dumps(CocoObjects(Task.BINARY).document()))
    require_own(path)
    for other in ('{"info": {"description": "mine"}}', "[]", "{", '{"info": null}'):
        path.write_text(other)
        with pytest.raises(UsageError, match="did not write it"):
            require_own(path)
