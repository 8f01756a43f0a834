"""COCO files as annotation tools write them: what is read, and what is said."""

import json
import time
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dagen.datasets.coco import Coco
from dagen.datasets.upkeep.check import check
from dagen.errors import DataError
from dagen.types import Task

SQUARE = [16, 16, 32, 16, 32, 32, 16, 32]  # 256 pixels
PIXELS = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


def _object(segmentation: Any = None, image: int = 1, category: int = 1, **more: Any) -> Any:
    shape = [SQUARE] if segmentation is None else segmentation
    return {"id": 1, "image_id": image, "category_id": category, "segmentation": shape, **more}


def _make(
    root: Path, objects: list[Any], images: dict[str, str] | None = None, **more: Any
) -> Path:
    """A data set of one split; ``images`` gives the file for each name in the annotations."""
    folder = root / "coco"
    names = images or {"a.png": "images/a.png"}
    for number, path in enumerate(names.values()):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.roll(PIXELS, number)).save(folder / path)
    document = {
        "images": [
            {"id": i + 1, "file_name": name, "width": 64, "height": 64}
            for i, name in enumerate(names)
        ],
        "annotations": objects,
        "categories": [{"id": 1, "name": "waste"}],
        **more,
    }
    (folder / "annotations").mkdir()
    (folder / "annotations" / "train.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def _label(folder: Path, index: int = 0) -> np.ndarray:
    return Coco(folder, "train", Task.BINARY).label(index)


def _counts(label: np.ndarray) -> tuple[int, int]:
    """Pixels of waste, and ignored pixels."""
    return int((label == 1).sum()), int((label == 255).sum())


def _told(root: Path) -> list[str]:
    report = check("coco", Task.BINARY, root)
    return [defect.problem for defect in report.defects if defect.split == "train"]


BOX = {"bbox": [16, 16, 16, 16]}


@pytest.mark.parametrize("shape", [[], None, [[]], [[16, 16, 32, 32]], [16, 16], {}])
def test_boxes_without_outlines_are_ignored_not_background(tmp_path: Path, shape: Any) -> None:
    objects = [_object(shape or [], **BOX), _object(image=2)]
    objects[0]["segmentation"] = shape
    folder = _make(tmp_path, objects, {"a.png": "images/a.png", "b.png": "images/b.png"})
    assert _counts(_label(folder)) == (0, 256)
    assert (_label(folder)[16:32, 16:32] == 255).all()
    assert _counts(_label(folder, 1)) == (256, 0)
    told = _told(tmp_path)
    assert len(told) == 1
    assert (
        told[0].startswith("1 of 2 annotation(s) in ") and "have no outline (in a.png)" in told[0]
    )


def test_all_annotations_without_outlines_are_told_at_once(tmp_path: Path) -> None:
    bare = [{"id": i, "image_id": i, "category_id": 1} for i in (1, 2)]
    names = {f"{c}.png": f"images/{c}.png" for c in "abc"}
    folder = _make(tmp_path, [*bare, {**_object(image=3), **BOX}], names)
    told = _told(tmp_path)
    assert len(told) == 1 and "2 of 3 annotation(s)" in told[0] and "(in a.png, b.png)" in told[0]
    assert "2 of them have no box either, so their whole image is" in told[0]
    assert _counts(_label(folder)) == (0, 64 * 64)


def test_outlines_outside_their_image_are_told(tmp_path: Path) -> None:
    away = [[100, 100, 120, 100, 120, 120], [70, 0, 90, 0, 90, 20]]
    folder = _make(tmp_path, [_object(), _object(away), _object([[-9, 0, -1, 0, -1, 9]])])
    assert _counts(_label(folder)) == (256, 0)
    assert [each for each in _told(tmp_path) if "2 of 3 annotation(s)" in each and "a.png" in each]
    across = _make(tmp_path / "over", [_object([[-10, -10, 8, -10, 8, 8, -10, 8]])])
    assert _counts(_label(across)) == (64, 0) and _told(tmp_path / "over") == []


def test_a_file_elsewhere_is_named(tmp_path: Path) -> None:
    folder = _make(tmp_path, [_object()], {"other/a.png": "images/a.png"})
    with pytest.raises(
        DataError, match=r"a\.png is missing, but a file of that name is at .*a\.png"
    ):
        Coco(folder, "train", Task.BINARY).image(0)


def test_an_outline_over_a_box_counts(tmp_path: Path) -> None:
    inner = [20, 20, 24, 20, 24, 24, 20, 24]
    for order in (1, -1):
        objects = [_object([inner]), _object([], **BOX)][::order]
        assert _counts(_label(_make(tmp_path / str(order), objects))) == (16, 240)


@pytest.mark.parametrize(
    "box", [[], None, [1, 2], [1, 1, 0, 5], ["a", 1, 1, 1], [1, 1, 10**400, 5], "x", {}]
)
def test_a_spoilt_box_is_none(tmp_path: Path, box: Any) -> None:
    folder = _make(tmp_path, [_object([], bbox=box)])
    assert _counts(_label(folder)) == (0, 64 * 64)


@pytest.mark.parametrize(
    "shape",
    [SQUARE, [[x, y] for x, y in zip(SQUARE[::2], SQUARE[1::2], strict=True)]],
)
def test_one_polygon_without_its_list(tmp_path: Path, shape: Any) -> None:
    for number, given in enumerate((shape, [shape])):
        assert _counts(_label(_make(tmp_path / str(number), [_object(given)]))) == (256, 0)


def test_run_lengths_in_both_forms(tmp_path: Path) -> None:
    for number, counts in enumerate(
        ([1040, *[16, 48] * 15, 16, 2080], "`P1`0`100000000000000000000000000000`o1")
    ):
        folder = _make(tmp_path / str(number), [_object({"size": [64, 64], "counts": counts})])
        label = _label(folder)
        assert _counts(label) == (256, 0) and label[16:32, 16:32].all()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("sub\\a.png", "images/sub/a.png"),
        (".\\sub\\a.png", "images/sub/a.png"),
        ("sub//a.png", "images/sub/a.png"),
        ("images/a.png", "images/a.png"),
        ("images\\a.png", "images/a.png"),
        ("images/train/a.png", "images/train/a.png"),
        ("train/a.png", "images/train/a.png"),
        ("a.png", "images/train/a.png"),
        ("batch_1/a.png", "images/train/batch_1/a.png"),
        ("a.PNG", "images/a.png"),
        ("a.png", "images/train/a.PNG"),
        ("a%20b.png", "images/a b.png"),
        ("a%20b.png", "images/train/a b.png"),
        ("a%20b.png", "images/a%20b.png"),
    ],
)
def test_names_in_other_spellings(tmp_path: Path, name: str, path: str) -> None:
    folder = _make(tmp_path, [_object()], {name: path})
    dataset = Coco(folder, "train", Task.BINARY)
    assert [dataset.name(i) for i in range(len(dataset))] == [path]
    assert np.array_equal(dataset.image(0), PIXELS)
    assert _counts(dataset.label(0)) == (256, 0) and dataset.instances(0) == 1
    assert _told(tmp_path) == []


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")])
@pytest.mark.parametrize("place", ["images/", "images/train/", "images/train/mülltüte/"])
def test_accents_in_other_spellings(tmp_path: Path, forms: tuple[str, str], place: str) -> None:
    name = "Café müll.png"
    inner = place.removeprefix("images/train/").removeprefix("images/")
    declared = unicodedata.normalize(forms[0], inner + name)  # type: ignore[arg-type]
    stored = unicodedata.normalize(forms[1], place + name)  # type: ignore[arg-type]
    folder = _make(tmp_path, [_object()], {declared: stored})
    assert np.array_equal(Coco(folder, "train", Task.BINARY).image(0), PIXELS)
    assert _counts(_label(folder)) == (256, 0)
    assert _told(tmp_path) == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks(tmp_path: Path, encoding: str) -> None:
    folder = _make(tmp_path, [_object()])
    path = folder / "annotations" / "train.json"
    path.write_text(path.read_text(encoding="utf-8"), encoding=encoding)
    assert _counts(_label(folder)) == (256, 0)
    path.write_bytes(b'{"images": "\xff"}')
    with pytest.raises(DataError, match=r"train.json is not a valid COCO annotation file: .*utf-8"):
        _label(folder)


def test_every_fault_of_the_file_at_once(tmp_path: Path) -> None:
    objects = [
        _object(), _object(image=99), _object(image=98), _object(image=98), _object(category=7),
        _object([[1, 2, 3, 4, 5, 6, 7]], image=2), _object({"size": [9, 9], "counts": [1, 80]}, 2),
    ]  # fmt: skip
    folder = _make(tmp_path, objects, {"a.png": "images/a.png", "b.png": "images/b.png"})
    (folder / "images" / "a.png").write_bytes(b"nothing")
    told = _told(tmp_path)
    for part in (
        "has 3 annotation(s) of images that it does not define (image 99, 98)",
        "has 1 annotation(s) of categories that it does not define (category 7)",
        "a.png cannot be read as an image",
        "7 numbers; they must be pairs of x and y; a mask of run lengths is (9, 9)",
    ):
        assert [part in line for line in told].count(True) == 1, (part, told)
    with pytest.raises(DataError, match=r"\(image 99, 98\); it has 1 .*\(category 7\): correct"):
        _label(folder, 1)


def test_every_entry_of_a_wrong_type_at_once(tmp_path: Path) -> None:
    objects = [_object(), *[{"id": i, "image_id": 1} for i in range(8)]]
    _make(tmp_path, objects)
    told = _told(tmp_path)
    assert len(told) == 1
    assert "annotations.1.category_id: Field required; annotations.2" in told[0]
    assert "and 3 more" in told[0] and len(told[0]) < 600


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("_background_", (0, 0)), ("background", (0, 0)), ("Background", (0, 0)),
        ("__ignore__", (0, 256)), ("ignore", (0, 256)), ("can", (256, 0)), ("void", (256, 0)),
    ],
)  # fmt: skip
def test_categories_that_mean_no_object(
    tmp_path: Path, name: str, expected: tuple[int, int]
) -> None:
    folder = _make(tmp_path, [_object()], categories=[{"id": 1, "name": name}])
    assert _counts(_label(folder)) == expected


def test_areas_are_those_of_coco(tmp_path: Path) -> None:
    for polygon, area in (
        ([10, 10, 20, 10, 20, 20, 10, 20], 100),
        ([10.5, 10.5, 11.5, 10.5, 11.5, 11.5, 10.5, 11.5], 1),
        ([10.1, 10.1, 10.2, 10.1, 10.2, 10.2], 1),
    ):
        folder = _make(tmp_path / str(polygon[2]), [_object([polygon])])
        assert _counts(_label(folder)) == (area, 0)


def test_an_outline_of_20000_crossing_corners(tmp_path: Path) -> None:
    turns = np.random.default_rng(0).uniform(0, 64, 40_000).round(2).tolist()
    folder = _make(tmp_path, [_object([turns])])
    begin = time.monotonic()
    waste, _ = _counts(_label(folder))
    assert time.monotonic() - begin < 10  # a loaded machine; less than one second otherwise
    assert 1500 < waste < 2600


def test_pictures_that_are_not_read_are_named(tmp_path: Path) -> None:
    folder = _make(tmp_path, [_object()], {"a.png": "images/train/a.png"})
    (folder / "images" / "train" / "IMG_1.HEIC").touch()
    report = check("coco", Task.BINARY, tmp_path)
    defects = [(d.file, d.problem) for d in report.defects if d.split == "train"]
    ((file, told),) = defects
    assert file == "images/train/IMG_1.HEIC"
    assert "IMG_1.HEIC is a HEIC file, which is not read: save it as JPEG or PNG." in str(told)
