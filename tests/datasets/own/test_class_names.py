"""Names, ids and numbers of classes: how they meet, and what is refused or told."""

import json
import logging
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dagen.api import networks
from dagen.datasets.base import Dataset
from dagen.datasets.loading import opening
from dagen.datasets.own.classes import TooManyClasses
from dagen.datasets.own.new import write
from dagen.datasets.upkeep.check import Report, check
from dagen.engine.classes import meet
from dagen.errors import DataError
from dagen.types import IGNORE, Task
from tests.own import image_and_mask, make_masks, make_roboflow
from tests.scoring.by_hand import Runtime

IDS = 'ids = {"0" = "background", "128" = "can", "255" = "bag"}\n'
SHARES = "splits = {val = 0.2}\n"
SQUARE = [2, 2, 20, 2, 20, 20, 2, 20]


def _edit(root: Path, split: str, **parts: Any) -> None:
    path = root / split / "_annotations.coco.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | parts))


def _sound(report: Report) -> bool:
    """Whether nothing is wrong but that both splits of :func:`make_roboflow` have equal images."""
    return all("is the same image as" in defect.problem for defect in report.defects)


def _own(root: Path, split: str = "train") -> Dataset:
    task = opening.declared(str(root))
    assert task is not None
    return opening.open_dataset(str(root), split, task)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("ignore = [300]", "ignore is .*300 is no id of a mask; these are 0 to 255"),
        ("ignore = [-128]", "ignore is .*-128 is no id of a mask; these are 0 to 255"),
        ('[ids]\n"1" = "can"\n"01" = "bag"', "'1' and '01' are one id"),
        (f"classes = {[f'c{k}' for k in range(300)]}", "0 to 255, and classes has 300"),
    ],
)
def test_ids_that_no_mask_can_hold_are_one_line(tmp_path: Path, toml: str, message: str) -> None:
    root = make_masks(tmp_path / "a", toml)
    with pytest.raises(DataError, match=message) as error:
        opening.declared(str(root))
    assert "\n" not in str(error.value) and "dagen.toml" in str(error.value)


def test_hundreds_of_categories_serve_binary_and_are_refused_as_classes(tmp_path: Path) -> None:
    root = make_roboflow(tmp_path / "r")
    many = [{"id": k, "name": f"c{k}"} for k in range(300)]
    for split in ("train", "valid"):
        _edit(root, split, categories=many)
    with pytest.raises(TooManyClasses, match="has 301 classes, background included, and a task"):
        opening.declared(str(root))
    meet(str(root), Task.BINARY, None)
    data = opening.open_dataset(str(root), "train", Task.BINARY)
    assert np.unique(data.label(0)).tolist() == [0, 1]
    assert _sound(check(str(root), Task.BINARY))


@pytest.mark.parametrize("ignore", ["[1]", '["bag"]', '["BAG "]'])
def test_categories_are_ignored_by_id_or_name(tmp_path: Path, ignore: str) -> None:
    root = make_roboflow(tmp_path / "r", f"ignore = {ignore}\n")
    data = _own(root)
    assert data.task.classes == ("background", "can")
    assert np.unique(data.label(0)).tolist() == [0, 1, IGNORE]


def test_an_id_of_no_category_is_refused(tmp_path: Path) -> None:
    root = make_roboflow(tmp_path / "r", "ignore = [7]\n")
    with pytest.raises(DataError, match=r"ignore has 7, and the ids of the categories .* 0, 1\."):
        opening.declared(str(root))


def test_spaces_and_accents_make_no_other_class(tmp_path: Path) -> None:
    root = make_roboflow(tmp_path / "r", names=("Café", "bag"))
    apart = unicodedata.normalize("NFD", "CAFÉ ")
    names = [{"id": 0, "name": apart}, {"id": 1, "name": "Background "}]
    _edit(root, "valid", categories=names)
    assert np.unique(_own(root, "val").label(0)).tolist() == [0, 1]
    assert list(_own(root, "val").class_remarks()) == []


def test_categories_that_only_another_file_has_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = make_roboflow(tmp_path / "r")
    _edit(root, "valid", categories=[{"id": 0, "name": "can"}, {"id": 1, "name": "glass"}])
    (remark,) = _own(root, "val").class_remarks()
    assert "has objects of glass, which _annotations.coco.json does not have" in remark
    task = opening.declared(str(root))
    assert task is not None
    told = check(str(root), task)
    assert _sound(told) and any("objects of glass" in each.problem for each in told.warnings)
    # The table [map] can rename it, as the remark says.
    toml = root / "dagen.toml"
    toml.write_text(toml.read_text() + '[map]\nglass = "bag"\n')
    assert opening.declared(str(root)) == task and not [*_own(root, "val").class_remarks()]
    assert {*np.unique(_own(root, "val").label(0)).tolist()} == {0, 1, 2}
    names = 'ids = {"0" = "background", "128" = "waste", "255" = "glass"}\n'
    glassy = make_masks(tmp_path / "glassy", names + SHARES)
    predictor = Runtime()
    predictor.task = Task("classes", ("background", "waste"))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            networks.evaluate(predictor, data=str(glassy))
    assert caplog.text.count("glass has no counterpart among the classes") == 1


@pytest.mark.parametrize("empty", [[48 * 64], [40, 0, 48 * 64 - 40], [], ""])
def test_run_lengths_without_a_pixel_are_an_object_without_outline(
    tmp_path: Path, empty: list[int] | str
) -> None:
    root = make_roboflow(tmp_path / "r")
    runs = {"size": [48, 64], "counts": empty}
    one = {"id": 0, "image_id": 0, "category_id": 0, "segmentation": runs, "bbox": [4, 8, 10, 6]}
    other = one | {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [SQUARE]}
    _edit(root, "train", annotations=[one, other])
    data = _own(root)
    label = data.label(0)
    assert (label[8:14, 4:14] == IGNORE).all() and (label == IGNORE).sum() == 60
    assert any("1 of 2 annotation(s)" in remark for remark in data.label_remarks())
    told = [each.problem for each in check(str(root), data.task).defects]
    assert any("have no outline (in r0.jpg)" in problem for problem in told)


def test_colours_meet_classes_in_any_case(tmp_path: Path) -> None:
    root = make_masks(tmp_path / "a", IDS + SHARES + 'colours = {CAN = "#FF0000"}\n')
    task = opening.declared(str(root))
    assert task is not None and task.colours[1] == (255, 0, 0)
    paint = np.zeros((48, 64, 3), np.uint8)
    paint[:10] = 255, 0, 0
    paint[10:20] = 0, 0, 255
    for path in (root / "drawn").iterdir():
        Image.fromarray(paint).save(path)
    (root / "dagen.toml").write_text(
        'kind = "folder"\nimages = "photos"\nmasks = "drawn"\n' + IDS + SHARES
        + 'colours = {Background = "#000000", CAN = "#FF0000", "bag " = "#0000FF"}\n'
    )  # fmt: skip
    assert _own(root).label(0)[::10, 0].tolist() == [1, 2, 0, 0, 0]


@pytest.mark.parametrize("splits", [("train", "val"), ("train",)])
def test_what_data_new_writes_for_one_folder_passes_its_check(
    tmp_path: Path, splits: tuple[str, ...]
) -> None:
    root = tmp_path / "flat"
    (root / "images").mkdir(parents=True)
    (root / "annotations").mkdir()
    for s, split in enumerate(splits):
        images = [
            {"id": k, "file_name": f"{split}{k}.png", "width": 64, "height": 48} for k in range(5)
        ]
        for k, image in enumerate(images):
            image_and_mask(10 * s + k, [1])[0].save(root / "images" / str(image["file_name"]))
        content = {
            "images": images,
            "annotations": [
                {"id": k, "image_id": k, "category_id": 1, "segmentation": [SQUARE]}
                for k in range(5)
            ],
            "categories": [{"id": 1, "name": "can"}],
        }
        (root / "annotations" / f"{split}.json").write_text(json.dumps(content))
    write(root)
    report = check(str(root), Task.BINARY)
    assert report.ok and {*report.splits} == {"train", "val"}
    numbers = {split: found.images for split, found in report.splits.items()}
    assert numbers == ({"train": 5, "val": 5} if len(splits) > 1 else {"train": 4, "val": 1})


def test_data_new_writes_masks_beside_images_in_the_root(tmp_path: Path) -> None:
    for k in range(5):
        image, mask = image_and_mask(k, [255])
        image.save(tmp_path / f"im{k}.jpg")
        mask.save(tmp_path / f"im{k}_mask.png")
    assert 'masks = "{name}_mask.png"' in write(tmp_path).read_text()
    report = check(str(tmp_path), Task.BINARY)
    assert report.ok and report.splits["train"].images == 4
