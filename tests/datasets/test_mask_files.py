"""Folders of masks as people have them: what is read, and what is said."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dagen.datasets.base import Dataset
from dagen.datasets.folder import Folder
from dagen.datasets.loading.cache import cached
from dagen.datasets.loading.foreground import require_foreground
from dagen.datasets.resortit import ReSortIt
from dagen.datasets.upkeep.check import Report, check
from dagen.errors import DataError
from dagen.types import Task

IDS = np.zeros((32, 32), np.uint8)
IDS[8:16, 8:16] = 1  # 64 of 1,024 pixels


def _make(root: Path, ids: np.ndarray = IDS, mask: str = "a.png", image: str = "a.png") -> Path:
    """A data set of one image in each of train and val."""
    folder = root / "folder"
    for number, split in enumerate(("train", "val")):
        for path in (folder / "images" / split / image, folder / "masks" / split / mask):
            path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (32, 32, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "images" / split / image)
        Image.fromarray(ids).save(folder / "masks" / split / mask)
    return folder


def _check(root: Path) -> tuple[Report, list[str]]:
    report = check("folder", Task.BINARY, root)
    return report, [defect.problem for defect in report.defects if defect.split == "train"]


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("a.JPG", "a.PNG"),
        ("a.Jpeg", "a.bmp"),
        ("siteB/deep/a.png", "siteB/deep/a.png"),
        ("site.B/a.b.png", "site.B/a.b.TIF"),
        ("Caf\u00e9.png", "Cafe\u0301.png"),
    ],
)
def test_images_and_masks_in_any_spelling(tmp_path: Path, image: str, mask: str) -> None:
    folder = _make(tmp_path, mask=mask, image=image)
    dataset = Folder(folder, "train", Task.BINARY)
    assert [dataset.name(i) for i in range(len(dataset))] == [f"images/train/{image}"]
    assert np.array_equal(dataset.label(0), IDS)
    assert _check(tmp_path)[1] == []


def test_one_name_in_two_sub_folders(tmp_path: Path) -> None:
    folder = _make(tmp_path)
    _make(tmp_path, 1 - IDS, mask="siteB/a.png", image="siteB/a.png")
    dataset = Folder(folder, "train", Task.BINARY)
    assert [int(dataset.label(i).sum()) for i in range(len(dataset))] == [64, 1024 - 64]


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    folder = _make(tmp_path)
    other = _make(tmp_path / "other")
    (folder / "images" / "train" / "siteB").symlink_to(other / "images" / "train")
    (folder / "masks" / "train" / "siteB").symlink_to(other / "masks" / "train")
    (folder / "images" / "train" / "loop").symlink_to(folder / "images" / "train")
    dataset = Folder(folder, "train", Task.BINARY)
    names = [dataset.name(i) for i in range(len(dataset))]
    assert names == ["images/train/a.png", "images/train/siteB/a.png"]


def test_resortit_has_sub_folders_and_capitals_too(tmp_path: Path) -> None:
    for path in ("train/x/a.JPG", "labels/train/x/a.PNG"):
        (tmp_path / path).parent.mkdir(parents=True)
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(tmp_path / "train/x/a.JPG")
    Image.fromarray(4 * IDS).save(tmp_path / "labels/train/x/a.PNG")
    label = ReSortIt(tmp_path, "train", Task.MATERIAL).label(0)
    assert np.array_equal(label, 4 * IDS)


def test_masks_of_0_and_255(tmp_path: Path) -> None:
    dataset = Folder(_make(tmp_path, 255 * IDS), "train", Task.BINARY)
    report, told = _check(tmp_path)
    assert told == [
        "has no pixel of any class but the background; 6.2 % are 255, which is ignored. If 255 "
        "marks a class in your masks, declare it in dagen.toml: "
        'ids = { "0" = "background", "255" = "waste" }.'
    ]
    assert report.splits["train"].share == {"background": 0.9375, "waste": 0, "ignore": 0.0625}
    with pytest.raises(DataError, match=r"the split 'train' of folder has no pixel .* 6\.2 % are"):
        require_foreground(dataset, "folder")


def test_masks_of_255_alone(tmp_path: Path) -> None:
    dataset = Folder(_make(tmp_path, np.full_like(IDS, 255)), "train", Task.BINARY)
    told = _check(tmp_path)[1]
    assert told[0].startswith("has no labelled pixel: all are 255, which is ignored. If 255 marks")
    with pytest.raises(DataError, match="has no labelled pixel"):
        require_foreground(dataset, "folder")


def test_masks_of_background_alone(tmp_path: Path) -> None:
    _make(tmp_path, 0 * IDS)
    assert _check(tmp_path)[1] == ["has no pixel of any class but the background."]


def test_labels_are_read_until_one_has_an_object(tmp_path: Path) -> None:
    read: list[int] = []

    class Watched(Dataset):
        def __len__(self) -> int:
            return 5

        def label(self, index: int) -> np.ndarray:
            read.append(index)
            return IDS * (index == 1)

    require_foreground(Watched(tmp_path, "train", Task.BINARY), "x")
    assert read == [0, 1]


def test_a_split_without_some_class_is_a_warning(tmp_path: Path) -> None:
    _make(tmp_path, 3 * IDS)
    report = check("folder", Task.MATERIAL, tmp_path)
    assert report.ok
    assert [(warned.split, warned.problem) for warned in report.warnings] == [
        (split, "no label has a pixel of the class aluminium, paper, nylon.")
        for split in ("train", "val")
    ]


def test_jpeg_masks_are_refused(tmp_path: Path) -> None:
    _make(tmp_path, mask="a.jpg")
    told = _check(tmp_path)[1]
    assert len(told) == 1 and "masks/train/a.jpg is a JPEG file, which changes ids" in told[0]


def test_a_cached_label_is_that_of_its_task(tmp_path: Path) -> None:
    folder = _make(tmp_path, 3 * IDS)

    def label(task: Task) -> np.ndarray:
        return cached(Folder(folder, "train", task), (32, 32), tmp_path / "cache").label(0)

    assert np.array_equal(label(Task.MATERIAL), 3 * IDS)
    with pytest.raises(DataError, match="holds the unknown id 3; allowed: 0, 1 and 255"):
        label(Task.BINARY)


def test_pictures_that_are_not_read_are_named(tmp_path: Path) -> None:
    folder = _make(tmp_path)
    (folder / "images" / "train" / "siteB").mkdir()
    (folder / "images" / "train" / "siteB" / "b.heic").touch()
    report, told = _check(tmp_path)
    assert len(told) == 1 and told[0].endswith("b.heic is a HEIC file, which is not read: save it "
                                               "as JPEG or PNG.")  # fmt: skip
    assert report.defects[0].file == "images/train/siteB/b.heic"
