"""A folder of images alone is a data set without labels, and nothing is written into it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dagen.datasets.loading import opening
from dagen.datasets.upkeep.check import check
from dagen.errors import DataError
from dagen.types import Task
from tests.own import image_and_mask


def _photos(folder: Path, names: list[str]) -> Path:
    folder.mkdir(parents=True)
    for seed, name in enumerate(names):
        image_and_mask(seed, [1])[0].save(folder / name)
    return folder


def test_all_images_are_for_training(tmp_path: Path) -> None:
    folder = _photos(tmp_path / "street", ["b.jpg", "a.png", "c.JPG"])
    for name in ("street", str(folder)):
        data = opening.open_dataset(name, "train", Task.MATERIAL, tmp_path)
        assert [data.name(i) for i in range(len(data))] == ["a.png", "b.jpg", "c.JPG"]
        assert not data.has_labels
        with Image.open(folder / "a.png") as file:
            assert np.array_equal(data.image(0), np.asarray(file))
    assert opening.same("street", str(folder), tmp_path)
    assert opening.declared("street", tmp_path) is None
    assert check("street", Task.BINARY, tmp_path).ok
    assert sorted(path.name for path in folder.iterdir()) == ["a.png", "b.jpg", "c.JPG"]


def test_none_is_scored(tmp_path: Path) -> None:
    _photos(tmp_path / "street", ["a.jpg"])
    with pytest.raises(DataError, match=r"all its images are for training; `dagen data new"):
        opening.open_dataset("street", "val", Task.BINARY, tmp_path)
    assert not opening.open_scored("street", Task.BINARY, tmp_path).has_labels


def test_a_folder_that_may_hold_masks_still_needs_a_declaration(tmp_path: Path) -> None:
    _photos(tmp_path / "deep" / "photos", ["a.jpg"])
    with pytest.raises(DataError, match=r"has no dagen\.toml"):
        opening.open_dataset("deep", "train", Task.BINARY, tmp_path)
    folder = _photos(tmp_path / "beside", ["a.jpg", "a1.png"])
    assert len(opening.open_dataset("beside", "train", Task.BINARY, tmp_path)) == 2
    image_and_mask(0, [1])[1].save(folder / "a_mask.png")
    with pytest.raises(DataError, match=r"a_mask\.png looks like a mask: `dagen data new"):
        opening.open_dataset("beside", "train", Task.BINARY, tmp_path)
