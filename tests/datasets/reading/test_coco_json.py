import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagen.datasets.reading import coco_json
from dagen.errors import DataError
from tests.fuzz import FUZZ

SQUARE = [1, 1, 7, 1, 7, 7, 1, 7]
INNER = [3, 3, 5, 3, 5, 5, 3, 5]


def _document(*segmentations: Any, **more: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 4, "file_name": "a.jpg", "width": 10, "height": 8}],
        "annotations": [
            {"image_id": 4, "category_id": i, "segmentation": value}
            for i, value in enumerate(segmentations)
        ],
        "categories": [{"id": i, "name": str(i + 1)} for i in range(len(segmentations))],
        **more,
    }


def _load(folder: Path, document: Any) -> coco_json.Annotations:
    path = folder / "some.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return coco_json.load(path)


def _draw(folder: Path, *segmentations: Any) -> np.ndarray:
    return _draw_first(_load(folder, _document(*segmentations)))


def _draw_first(found: coco_json.Annotations, size: tuple[int, int] = (8, 10)) -> np.ndarray:
    return found.draw(found.entry("a.jpg"), size, int)


@pytest.mark.parametrize("order", [1, -1])
def test_the_smaller_object_counts(tmp_path: Path, order: int) -> None:
    label = _draw(tmp_path, *[[SQUARE], [INNER]][::order])
    assert label[4, 4] == (2 if order == 1 else 1)
    assert label[2, 2] == (1 if order == 1 else 2)
    assert label[0, 9] == 0


def test_parts_of_one_object_add_up(tmp_path: Path) -> None:
    label = _draw(tmp_path, [SQUARE, INNER])
    assert label[4, 4] == label[2, 2] == 1


def test_run_lengths(tmp_path: Path) -> None:
    label = _draw(tmp_path, {"size": [8, 10], "counts": [8, 16, 56]})
    assert np.array_equal(np.unique(np.nonzero(label)[1]), [1, 2])
    assert label.sum() == 16


def test_run_lengths_and_polygons_are_ordered_together(tmp_path: Path) -> None:
    label = _draw(tmp_path, [INNER], {"size": [8, 10], "counts": [0, 80]})
    assert label[4, 4] == 1
    assert label[0, 0] == 2


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ({"size": [8, 10], "counts": "PZ3:"}, "add up to 3402"),
        ({"size": [8, 10], "counts": "`P1@P1"}, "damaged: run 2 has the length -16"),
        ({"size": [10, 8], "counts": [0, 80]}, r"is \(10, 8\)"),
        ({"size": [8, 10], "counts": [0, 79]}, "add up to 79"),
        ([[1, 2, 3, 4, 5]], "5 numbers"),
    ],
)
def test_segmentations_that_cannot_be_drawn(
    tmp_path: Path, segmentation: Any, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        _draw(tmp_path, segmentation)
    assert "some.json" in str(caught.value) and "a.jpg" in str(caught.value)


def test_size_is_checked(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"declares 'a.jpg' as 10x8.*image is 8x10"):
        _draw_first(_load(tmp_path, _document([SQUARE])), (10, 8))


def test_undeclared_image(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no entry for the image 'b.jpg'"):
        _load(tmp_path, _document([SQUARE])).entry("b.jpg")


IMAGE = {"id": 4, "file_name": "a.jpg", "width": 10, "height": 8}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", "not a valid COCO annotation file"),
        ('{"images": [', "not a valid COCO annotation file"),
        ("[]", "not a valid COCO annotation file"),
        ({"annotations": []}, "images: Field required"),
        ({"images": [{"id": 1}]}, "images.0.file_name: Field required"),
        (_document([[None]]), "segmentation"),
        ('{"images": [], "annotations": [{"image_id": 1, "category_id": 1, '
         '"segmentation": [[NaN, 1, 2, 3, 4, 5]]}]}', "finite"),
        (_document(images=[{**IMAGE, "file_name": "../a.jpg"}]), "'../a.jpg'.*nothing outside"),
        (_document(images=[{**IMAGE, "file_name": "/etc/passwd"}]), "nothing outside"),
        (_document(images=[IMAGE, {**IMAGE, "id": 5}]), "defines 1 file"),
        (_document(images=[IMAGE, {**IMAGE, "file_name": "b.jpg"}]), "defines 1 image id"),
        (_document([SQUARE], categories=[]), r"1 annotation\(s\) of categories .* \(category 0\)"),
        (_document([SQUARE], images=[]), r"1 annotation\(s\) of images .* \(image 4\)"),
    ],
)  # fmt: skip
def test_damaged_files(tmp_path: Path, document: Any, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        _load(tmp_path, document)
    assert "\n" not in str(caught.value) and "some.json" in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no.json is missing"):
        coco_json.load(tmp_path / "no.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@FUZZ
@given(
    field=st.sampled_from(["images", "annotations", "categories", "scene_annotations"]),
    entry=st.sampled_from(["id", "file_name", "image_id", "category_id", "segmentation", "width"]),
    value=JSON,
)
def test_any_spoilt_field_is_a_clear_error_or_harmless(
    tmp_path: Path, field: str, entry: str, value: Any
) -> None:
    document = _document([SQUARE], scene_annotations=[{"image_id": 4, "background_ids": [1]}])
    document[field][0][entry] = value
    try:
        _draw_first(_load(tmp_path, document))
    except DataError as error:
        assert "\n" not in str(error)
