import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dagen.datasets.coco import Coco
from dagen.datasets.taco import Taco
from dagen.datasets.upkeep.check import Defect, check
from dagen.errors import DataError, UsageError
from dagen.types import Task
from tests.own import make_masks
from tests.tiny import make_coco, make_folder, make_resortit, make_taco


def _problems(defects: list[Defect]) -> dict[tuple[str, str | None], str]:
    return {(defect.split, defect.file): defect.problem for defect in defects}


def test_every_defect_at_once(tmp_path: Path) -> None:
    folder = make_resortit(tmp_path, train=8)
    images, labels = folder / "train", folder / "labels" / "train"
    (images / "00000.png").write_bytes((images / "00000.png").read_bytes()[:300])
    (labels / "00001.png").unlink()
    Image.new("L", (64, 47)).save(labels / "00002.png")
    Image.fromarray(np.full((48, 64), 9, np.uint8)).save(labels / "00003.png")
    shutil.copy(images / "00004.png", folder / "val" / "00001.png")
    (images / "00005.png").unlink()
    (images / "00005.png").symlink_to("nowhere.png")  # listed by nobody: it is not there
    report = check("resortit", Task.MATERIAL, tmp_path)
    assert not report.ok
    problems = _problems(report.defects)
    for key, part in {
        ("train", "train/00000.png"): "damaged or truncated",
        ("train", "train/00001.png"): "is missing",
        ("train", "train/00002.png"): "64x47",
        ("train", "train/00003.png"): "unknown id 9",
        ("val", "val/00001.png"): "the same image as train/00004.png of the split 'train'",
    }.items():
        assert part in problems.pop(key)
    assert problems == {}
    assert report.splits["train"].images == 7
    assert report.splits["train"].labelled == 3


def test_statistics(tmp_path: Path) -> None:
    folder = make_taco(tmp_path, size=(40, 64))
    report = check("taco", Task.MATERIAL, tmp_path)
    assert report.ok
    assert [*report.splits] == ["train", "val"]  # its own splits.json has no test: no defect
    train = report.splits["train"]
    assert (train.images, train.labelled, train.instances) == (4, 4, 16)
    assert {train.smallest, train.largest} <= {(40, 64), (64, 40)}
    dataset = Taco(folder, "train", Task.MATERIAL)
    pixels = np.concatenate([dataset.label(i).ravel() for i in range(4)])
    assert [*train.share] == [*Task.MATERIAL.classes, "ignore"]
    assert train.share["paper"] == (pixels == 2).mean()
    assert train.share["ignore"] == (pixels == 255).mean()
    assert sum(train.share.values()) == pytest.approx(1)
    assert json.loads(json.dumps(dataclasses.asdict(report)))["splits"]["train"]["instances"] == 16


def test_sizes(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    for kind in ("images", "masks"):
        (path,) = (folder / kind / "train").glob("photo 2.*")
        Image.open(path).resize((10, 90), Image.Resampling.NEAREST).save(path)
    train = check("folder", Task.MATERIAL, tmp_path).splits["train"]
    assert (train.smallest, train.largest) == ((90, 10), (48, 64))


def test_empty_splits(tmp_path: Path) -> None:
    make_resortit(tmp_path, val=0)
    report = check("resortit", Task.BINARY, tmp_path)
    assert [(d.split, d.file) for d in report.defects] == [("val", None)]
    assert "has no image" in report.defects[0].problem


def test_lists_with_defects(tmp_path: Path) -> None:
    folder = make_taco(tmp_path)
    splits = json.loads((folder / "splits.json").read_text())
    splits = {
        "train": splits["train"] * 2,
        "val": [*splits["val"], splits["train"][2], "batch_9/gone.jpg"],
        "test": ["../../x.jpg"],
    }
    (folder / "splits.json").write_text(json.dumps(splits))
    defects = check("taco", Task.BINARY, tmp_path).defects
    for defect, (split, file, part) in zip(
        defects,
        [
            ("train", None, "more than once"),
            # The names are told, and the sound ones are looked at all the same.
            ("val", "data/batch_1/000002.jpg", "of the split 'train'"),
            ("val", "data/batch_9/gone.jpg", "is missing"),
            ("val", "data/batch_9/gone.jpg", "has no entry"),
            ("test", None, "'../../x.jpg'"),
        ],
        strict=True,
    ):
        assert (defect.split, defect.file) == (split, file) and part in defect.problem
    splits["train"] = splits["train"][:4]
    (folder / "splits.json").write_text(json.dumps(splits))
    problems = _problems(check("taco", Task.BINARY, tmp_path).defects)
    assert "of the split 'train'" in problems["val", "data/batch_1/000002.jpg"]


def test_a_list_with_faults_does_not_hide_those_of_the_files(tmp_path: Path) -> None:
    folder = make_coco(tmp_path)
    file = next((folder / "annotations").glob("*train.json"))
    document = json.loads(file.read_text())
    document["images"] += [
        {"id": 98, "file_name": "../outside.jpg", "width": 8, "height": 8},
        {"id": 99, "file_name": "gone.jpg", "width": 8, "height": 8},
    ]
    document["annotations"] += [{"id": 97, "image_id": 96, "category_id": 1}]
    file.write_text(json.dumps(document))
    with pytest.raises(DataError, match="outside"):  # who trains on it stops here
        Coco(folder, "train", Task.BINARY)
    told = [d.problem for d in check("coco", Task.BINARY, tmp_path).defects if d.split == "train"]
    for part in ("'../outside.jpg'", "gone.jpg is missing", "images that it does not define"):
        assert sum(part in each for each in told) == 1, part


def test_images_that_share_a_mask_do_not_end_the_check(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    first = next((folder / "images" / "train").iterdir())
    shutil.copy(first, first.with_suffix(".bmp"))
    next((folder / "masks" / "val").iterdir()).write_bytes(b"")
    problems = [d.problem for d in check("folder", Task.MATERIAL, tmp_path).defects]
    assert any("share one mask" in each for each in problems)
    assert any("cannot be read as an image" in each for each in problems)


def test_a_broken_annotation_file_is_listed_once_per_split(tmp_path: Path) -> None:
    folder = make_taco(tmp_path)
    (folder / "data" / "annotations.json").write_text("{")
    report = check("taco", Task.BINARY, tmp_path)
    assert [defect.split for defect in report.defects] == ["train", "val"]
    assert report.splits["train"].smallest is not None  # the images were looked at all the same
    assert report.splits["train"].share == {}


@pytest.mark.parametrize("name", ["taco", "coco"])
def test_declared_images_that_are_not_there(tmp_path: Path, name: str) -> None:
    if name == "taco":
        folder = make_taco(tmp_path, train=30, val=20)
        (folder / "splits.json").unlink()
        dataset = Taco(folder, "train", Task.BINARY)
        gone = folder / dataset.name(0)
        gone.unlink()
        expected = [("train", dataset.name(0))]
    else:
        folder = make_coco(tmp_path)
        for split in ("train", "val"):
            (folder / "images" / split).mkdir()
            for path in (folder / "images").glob(f"{split}_*.jpg"):
                path.rename(folder / "images" / split / path.name)
        (folder / "images" / "val" / "val_1.jpg").unlink()
        expected = [("val", "images/val/val_1.jpg")]
    defects = check(name, Task.BINARY, tmp_path).defects
    assert [(defect.split, defect.file) for defect in defects] == expected
    assert "but missing" in defects[0].problem


def test_unlabelled_sets_are_sound(tmp_path: Path) -> None:
    make_taco(tmp_path, labels=False)
    report = check("taco", Task.BINARY, tmp_path)
    assert report.ok
    assert (report.splits["train"].labelled, report.splits["train"].share) == (0, {})


def test_masks_that_are_declared_and_not_there_are_told(tmp_path: Path) -> None:
    ids = 'ids = {"0" = "background", "128" = "can", "255" = "bag"}\nsplits = {val = 0.4}\n'
    root = make_masks(tmp_path / "own", ids)
    assert check(str(root), Task.BINARY).warnings == []
    shutil.rmtree(root / "drawn")
    (warned,) = check(str(root), Task.BINARY).warnings
    assert "says that masks are in drawn, and no picture is there: correct it" in warned.problem


def test_a_folder_of_images_that_is_not_there_is_told(tmp_path: Path) -> None:
    root = make_masks(tmp_path / "own", "splits = {val = 0.4}\n")
    (root / "photos").rename(root / "fotos")
    told = [each.problem for each in check(str(root), Task.BINARY).defects]
    assert told and all(
        "images are in photos, and there is no such folder" in each for each in told
    )


def test_progress(tmp_path: Path) -> None:
    make_resortit(tmp_path, train=3, val=1)
    calls: list[tuple[str, int, int]] = []
    check("resortit", Task.BINARY, tmp_path, lambda *call: calls.append(call))
    assert calls == [("train", 1, 3), ("train", 2, 3), ("train", 3, 3), ("val", 1, 1)]


def test_what_cannot_be_checked(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not at"):
        check("taco", Task.BINARY, tmp_path)
    with pytest.raises(UsageError, match="unknown data set"):
        check("tacos", Task.BINARY, tmp_path)
