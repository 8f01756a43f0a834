"""Exports of annotation tools, as docs/annotation-tools.md says that they are read."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from dagen import cli
from dagen.datasets.loading import opening
from dagen.datasets.own import declaration
from dagen.datasets.own.new import write
from dagen.datasets.own.unread import unread_annotations
from dagen.datasets.upkeep.check import check
from dagen.types import Task
from tests.own import image_and_mask, make_roboflow

PAGE = Path(__file__).parents[3] / "docs" / "annotation-tools.md"
PALETTE = np.array([(0, 0, 0), (250, 50, 83), (51, 221, 255)], np.uint8)
TABLE = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nbag:51,221,255::\ncan:250,50,83::\n"


def _outline(mask: Image.Image, value: int) -> list[int]:
    ys, xs = np.nonzero(np.asarray(mask) == value)
    x, y, right, low = (int(v) for v in (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1))
    return [x, y, right, y, right, low, x, low]


def _coco(root: Path, folder: str, file: str, named: str = "{}", first: int = 1) -> Path:
    """Five images in ``folder`` and a COCO file that calls them ``named``; ids begin at first."""
    (root / folder).mkdir(parents=True)
    images, annotations = [], []
    for i in range(5):
        image, mask = image_and_mask(i, [1, 2])
        image.save(root / folder / f"r{i}.jpg", quality=95)
        images.append({"id": i, "file_name": named.format(f"r{i}.jpg"), "width": 64, "height": 48})
        for k in range(2):
            outline = [_outline(mask, k + 1)]
            annotations.append({
                "id": len(annotations) + first, "image_id": i, "category_id": k + first,
                "segmentation": outline,
            })  # fmt: skip
    categories = [{"id": k + first, "name": n} for k, n in enumerate(("can", "bag"))]
    (root / file).parent.mkdir(exist_ok=True)
    document = {"images": images, "annotations": annotations, "categories": categories}
    (root / file).write_text(json.dumps(document))
    return root


def cvat_coco(root: Path) -> Path:
    return _coco(root, "images/default", "annotations/instances_default.json")


def label_studio(root: Path) -> Path:
    return _coco(root, "images", "result.json", "images/{}", first=0)


def labelme2coco(root: Path) -> Path:
    return _coco(root, "JPEGImages", "annotations.json", "JPEGImages/{}")


def roboflow_coco(root: Path) -> Path:
    (make_roboflow(root) / "dagen.toml").unlink()
    return root


def _masks(root: Path, folders: tuple[str, str], tail: str, colours: bool) -> Path:
    for i in range(5):
        image, mask = image_and_mask(i, [1, 2])
        for folder in folders:
            (root / folder).mkdir(parents=True, exist_ok=True)
        image.save(root / folders[0] / f"r{i}.jpg", quality=95)
        if colours:
            mask = Image.fromarray(PALETTE[np.asarray(mask)])
        mask.save(root / folders[1] / f"r{i}{tail}.png")
    return root


def cvat_masks(root: Path) -> Path:
    _masks(root, ("JPEGImages", "SegmentationClass"), "", colours=True)
    (root / "SegmentationObject").mkdir()
    for file in (root / "SegmentationClass").iterdir():
        with Image.open(file) as mask:
            Image.fromarray(np.asarray(mask) // 2).save(root / "SegmentationObject" / file.name)
    (root / "labelmap.txt").write_text(TABLE)
    return root


def labelme2voc(root: Path) -> Path:
    _masks(root, ("JPEGImages", "SegmentationClass"), "", colours=False)
    for file in (root / "SegmentationClass").iterdir():
        with Image.open(file) as mask:
            ids = Image.fromarray(np.asarray(mask))
        ids.putpalette(PALETTE.tobytes())
        ids.save(file)
    (root / "SegmentationClassVisualization").mkdir()
    for file in (root / "JPEGImages").iterdir():
        (root / "SegmentationClassVisualization" / file.name).write_bytes(file.read_bytes())
    (root / "class_names.txt").write_text("_background_\ncan\nbag")
    return root


def roboflow_masks(root: Path) -> Path:
    for split in ("train", "valid"):
        _masks(root, (split, split), "_mask", colours=False)
        (root / split / "_classes.csv").write_text(
            "Pixel Value, Class\n0, background\n1, can\n2, bag\n"
        )
    for k, file in enumerate(sorted((root / "valid").glob("*.jpg"))):
        image, _ = image_and_mask(90 + k, [1, 2])
        image.save(file)
    return root


READ: dict[tuple[str, str], Callable[[Path], Path]] = {
    ("CVAT", "COCO 1.0"): cvat_coco,
    ("CVAT", "Segmentation mask 1.1"): cvat_masks,
    ("Label Studio", "COCO"): label_studio,
    ("labelme", "labelme2coco"): labelme2coco,
    ("labelme", "labelme2voc"): labelme2voc,
    ("Roboflow", "COCO Segmentation"): roboflow_coco,
    ("Roboflow", "Semantic Segmentation Masks"): roboflow_masks,
}


def rows() -> dict[tuple[str, str], str]:
    """The table of the page: (tool, export) -> how it is read."""
    found = re.findall(r"^\| (.+?) \| (.+?) \| .+? \| (.+?) \|$", PAGE.read_text(), re.MULTILINE)
    return {(tool, export): how for tool, export, how in found if tool != "tool"}


def test_the_page_lists_what_is_tested() -> None:
    assert {row for row, how in rows().items() if not how.startswith("not read")} == {*READ}


@pytest.mark.parametrize("row", READ, ids=" ".join)
def test_an_export_is_read_with_its_names(tmp_path: Path, row: tuple[str, str]) -> None:
    root = READ[row](tmp_path / "set")
    text = write(root).read_text()
    assert "class-" not in text and "not in this data set" not in text.replace(
        "SegmentationClassVisualization has 5 more images; they are not in this data set", ""
    )
    task = opening.declared("set", tmp_path)
    assert task is not None and {*task.classes} == {"background", "can", "bag"}
    data = opening.open_dataset("set", "train", task, tmp_path)
    _, mask = image_and_mask(int(re.findall(r"r(\d)", data.name(0))[0]), [1, 2])
    for name, value in (("can", 1), ("bag", 2)):
        assert np.array_equal(data.label(0) == task.classes.index(name), np.asarray(mask) == value)


def test_the_check_names_the_line_that_finds_the_pictures(tmp_path: Path) -> None:
    root = cvat_coco(tmp_path / "set")
    file = write(root)
    file.write_text(file.read_text().replace("images/default", "images"))
    problems = [defect.problem for defect in check("set", Task.BINARY, tmp_path).defects]
    assert any(f'write images = "images/default" in {file}, ' in each for each in problems)


def test_names_of_two_splits_that_differ_are_not_taken(tmp_path: Path) -> None:
    root = roboflow_masks(tmp_path / "set")
    (root / "valid" / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, bag\n")
    text = write(root).read_text()
    assert "valid/_classes.csv differ, so no name is taken" in text and '"1" = "class-1"' in text


def test_a_class_that_no_mask_shows_is_left_out(tmp_path: Path) -> None:
    root = cvat_masks(tmp_path / "set")
    (root / "labelmap.txt").write_text(f'{TABLE}glass "x":1,2,3::\n')
    assert declaration.read(write(root).parent).ignore == ['glass "x"']
    task = opening.declared("set", tmp_path)
    assert task is not None and {*task.classes} == {"background", "can", "bag"}


UNREAD = {
    "labelme": {"version": "5.4.1", "flags": {}, "shapes": [], "imagePath": "r.jpg"},
    "SAM": {"image": {"image_id": 1}, "annotations": [{"segmentation": {"size": [1, 1]}}]},
    "Label Studio": [{"id": 1, "annotations": [{"completed_by": 1}]}],
}


@pytest.mark.parametrize("tool", UNREAD)
def test_files_that_are_not_read_are_told(tmp_path: Path, tool: str) -> None:
    assert any(row[0] == tool and how.startswith("not read") for row, how in rows().items())
    (tmp_path / "set").mkdir()
    for i in range(2):
        image, _ = image_and_mask(i, [1])
        image.save(tmp_path / "set" / f"r{i}.jpg")
        (tmp_path / "set" / f"r{i}.json").write_text(json.dumps(UNREAD[tool]))
    (sentence,) = unread_annotations(tmp_path / "set")
    assert sentence.startswith(f"2 JSON files of {tool} in ") and "are not read: " in sentence
    assert sentence in write(tmp_path / "set").read_text()
    found = CliRunner().invoke(cli.app, ["data", "check", str(tmp_path / "set"), "--quiet"])
    assert found.exit_code == 0 and f"2 JSON files of {tool}" in " ".join(found.stdout.split())


OTHERS = {
    "r0.xml": ("<annotations>\n  <version>1.1</version>", "1 XML file of CVAT"),
    "Annotations/r0.xml": ("<annotation><object><bndbox/></object>", "1 XML file of Pascal VOC"),
    "labels/train/r0.txt": ("0 0.5 0.25 0.1 0.2\n1 .5 1 0 1e-3\n", "1 text file of YOLO"),
    "r0.json": ('[{"bbox": [1, 2, 3, 4], "predicted_iou": 0.9}]', "1 JSON file of SAM"),
    "task-1-annotation-2-by-1-tag-can-0.png": (None, "1 PNG file of Label Studio's brush"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_that_are_not_read_are_told(tmp_path: Path, name: str) -> None:
    content, told = OTHERS[name]
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    image, mask = image_and_mask(0, [1])
    image.save(tmp_path / "r0.jpg")
    if content is None:
        mask.save(tmp_path / name)
    else:
        (tmp_path / name).write_text(content)
    (sentence,) = unread_annotations(tmp_path)
    assert sentence.startswith(f"{told} in {tmp_path} is not read: ")
    assert sentence in write(tmp_path).read_text()


def test_lists_and_notes_are_none_of_those(tmp_path: Path) -> None:
    (tmp_path / "val.txt").write_text("0001\n0002 some words\n1 2\n")
    (tmp_path / "notes.xml").write_text("<svg/>")
    assert not [*unread_annotations(tmp_path)]


def test_colours_keep_the_order_of_the_tool(tmp_path: Path) -> None:
    root = cvat_masks(tmp_path / "set")
    write(root)
    assert [*declaration.read(root).colours] == ["background", "bag", "can"]


def test_a_coco_file_is_none_of_those(tmp_path: Path) -> None:
    assert not [*unread_annotations(label_studio(tmp_path / "set"))]
