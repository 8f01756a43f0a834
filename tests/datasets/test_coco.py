import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dagen.datasets.coco import Coco
from dagen.errors import DataError
from dagen.types import Task
from tests.tiny import make_coco


def _edit(folder: Path, change: Any) -> None:
    path = folder / "annotations" / "instances_train.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def _labels(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    return Coco(folder, "train", Task.MATERIAL).label(0), Coco(folder, "train", Task.BINARY).label(
        0
    )


def test_categories_are_classes_by_name(tmp_path: Path) -> None:
    folder = make_coco(tmp_path)
    material, binary = _labels(folder)
    assert {*np.unique(material).tolist()} == {0, 1, 2, 255}
    assert np.array_equal(binary, material != 0)

    def rename(document: Any) -> None:
        document["categories"][0]["name"] = "Background"
        document["categories"][1]["name"] = "PAPER"

    _edit(folder, rename)
    changed, without = _labels(folder)
    assert np.array_equal(changed, np.where(material == 1, 0, material))
    assert np.array_equal(without, changed != 0)


def test_no_category_is_a_material(tmp_path: Path) -> None:
    folder = make_coco(tmp_path)

    def rename(document: Any) -> None:
        for category in document["categories"]:
            category["name"] += " thing"

    _edit(folder, rename)
    assert Coco(folder, "train", Task.BINARY).label(0).any()
    with pytest.raises(
        DataError, match=r"no category of .* is a class of this task .*aluminium.*'binary'"
    ):
        Coco(folder, "train", Task.MATERIAL).label(0)


def test_either_name_of_the_file(tmp_path: Path) -> None:
    folder = make_coco(tmp_path)
    before = _labels(folder)
    annotations = folder / "annotations"
    (annotations / "instances_train.json").rename(annotations / "train.json")
    assert all(np.array_equal(a, b) for a, b in zip(_labels(folder), before, strict=True))


def test_paths_that_leave(tmp_path: Path) -> None:
    folder = make_coco(tmp_path)

    def leave(document: Any) -> None:
        document["images"][0]["file_name"] = "../../x.jpg"

    _edit(folder, leave)
    with pytest.raises(DataError, match=r"'\.\./\.\./x\.jpg'"):
        Coco(folder, "train", Task.BINARY)


def test_missing_split(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no image: images belong in .*images/test"):
        Coco(make_coco(tmp_path), "test", Task.BINARY)


def test_instances(tmp_path: Path) -> None:
    assert Coco(make_coco(tmp_path), "val", Task.BINARY).instances(1) == 3
