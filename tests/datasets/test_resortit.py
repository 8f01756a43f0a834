from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dagen.datasets.resortit import ReSortIt
from dagen.errors import DataError
from dagen.types import PRESETS, Task
from tests.tiny import make_resortit


def test_labels_under_both_tasks(tmp_path: Path) -> None:
    folder = make_resortit(tmp_path)
    path = folder / "labels" / "train" / "00001.png"
    ids = np.array(Image.open(path))
    ids[0] = 255
    Image.fromarray(ids).save(path)
    material = ReSortIt(folder, "train", Task.MATERIAL)
    assert material.name(1) == "train/00001.png"
    assert np.array_equal(material.label(1), ids)
    binary = ReSortIt(folder, "train", Task.BINARY).label(1)
    assert np.array_equal(binary, np.where(ids == 255, 255, ids > 0))
    assert material.label_key(1) != ReSortIt(folder, "train", Task.BINARY).label_key(1)


def test_a_jpeg_has_a_png_mask(tmp_path: Path) -> None:
    folder = make_resortit(tmp_path)
    dataset = ReSortIt(folder, "val", Task.MATERIAL)
    expected = dataset.label(0)
    path = folder / dataset.name(0)
    Image.open(path).save(path.with_suffix(".jpg"))
    path.unlink()
    dataset = ReSortIt(folder, "val", Task.MATERIAL)
    assert dataset.name(0) == "val/00000.jpg"
    assert np.array_equal(dataset.label(0), expected)


def test_unknown_ids_name_the_file(tmp_path: Path) -> None:
    folder = make_resortit(tmp_path)
    path = folder / "labels" / "train" / "00002.png"
    Image.fromarray(np.full((48, 64), 5, np.uint8)).save(path)
    for task in PRESETS:  # waste or not, 5 is no id of this data set
        with pytest.raises(DataError, match=r"labels/train/00002\.png holds the unknown id 5"):
            ReSortIt(folder, "train", task).label(2)


def test_a_label_key_follows_its_mask(tmp_path: Path) -> None:
    folder = make_resortit(tmp_path)
    dataset = ReSortIt(folder, "train", Task.MATERIAL)
    image, label = dataset.image_key(0), dataset.label_key(0)
    path = folder / "labels" / "train" / "00000.png"
    path.write_bytes(path.read_bytes() + b" ")
    assert dataset.label_key(0) != label
    assert dataset.image_key(0) == image


def test_missing_and_empty(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere is missing.*DAGEN_DATA"):
        ReSortIt(tmp_path / "nowhere", "train", Task.BINARY)
    folder = make_resortit(tmp_path, val=0)
    with pytest.raises(DataError, match=r"split 'val' of .* has no image: images belong in"):
        ReSortIt(folder, "val", Task.BINARY)
    dataset = ReSortIt(folder, "train", Task.BINARY)
    (folder / "labels" / "train" / "00000.png").unlink()
    with pytest.raises(DataError, match=r"mask .*00000\.png is missing"):
        dataset.label(0)
    (folder / "train" / "00000.png").unlink()
    for read in (dataset.image, dataset.image_key):
        with pytest.raises(DataError, match=r"train/00000\.png is missing"):
            read(0)
    with pytest.raises(DataError, match=r"train/00000\.png is missing"):
        dataset.fingerprint()


def test_the_fingerprint_is_of_names_and_contents(tmp_path: Path) -> None:
    folder = make_resortit(tmp_path)

    def fingerprint() -> str:
        return ReSortIt(folder, "train", Task.BINARY).fingerprint()

    first = fingerprint()
    one, two = folder / "train" / "00000.png", folder / "train" / "00001.png"
    content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    changed = fingerprint()
    one.write_bytes(content)
    assert fingerprint() == first  # no time, no place
    one.rename(folder / "train" / "0.png")
    assert len({first, changed, fingerprint()}) == 3
