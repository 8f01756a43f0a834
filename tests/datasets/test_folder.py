from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dagen.datasets.folder import Folder
from dagen.errors import DataError
from dagen.types import Task
from tests.tiny import make_folder


def test_masks_hold_ids_of_the_task(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    dataset = Folder(folder, "train", Task.MATERIAL)
    assert dataset.name(0) == "images/train/photo 0.jpg"
    expected = np.array(Image.open(folder / "masks" / "train" / "photo 0.png"))
    assert np.array_equal(dataset.label(0), expected)
    with pytest.raises(DataError, match=r"photo 0\.png holds the unknown id 2; allowed: 0, 1 and"):
        Folder(folder, "train", Task.BINARY).label(0)


def test_two_images_of_one_stem(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    image = folder / "images" / "train" / "photo 0.jpg"
    Image.open(image).save(image.with_suffix(".png"))
    with pytest.raises(DataError, match=r"share one mask .photo 0 with two endings"):
        Folder(folder, "train", Task.MATERIAL)


def test_a_mask_of_another_size(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    Image.new("L", (64, 47)).save(folder / "masks" / "val" / "photo 1.png")
    with pytest.raises(DataError, match=r"photo 1\.png is 64x47 \(W x H\), but its image is 64x48"):
        Folder(folder, "val", Task.MATERIAL).label(1)


def test_a_missing_split_says_where_things_belong(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"images belong in .*images/test, masks in .*masks/test"):
        Folder(make_folder(tmp_path), "test", Task.MATERIAL)
