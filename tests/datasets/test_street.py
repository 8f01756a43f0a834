"""Public data sets of the field: tiny copies of their layouts, and the values of their labels."""

from pathlib import Path

import numpy as np
import pytest

from dagen.datasets.loading import opening
from dagen.errors import UsageError
from dagen.runs.config import from_mapping
from dagen.runs.plan import task_of
from dagen.types import IGNORE, Task
from tests.tiny import make_cityscapes, make_gta5, make_zerowaste


def _ids(label: np.ndarray) -> list[int]:
    return np.unique(label).tolist()


def test_the_game_and_the_city_have_the_same_19_classes(tmp_path: Path) -> None:
    make_gta5(tmp_path)
    make_cityscapes(tmp_path)
    config = from_mapping({"src": "gta5", "tgt": "cityscapes", "method": "minent"})
    assert config.task == "classes"
    task = task_of(config, tmp_path)
    assert task == opening.declared("cityscapes", tmp_path)
    assert task.num_classes == 19 and not task.background
    assert (task.classes[0], task.classes[13], task.classes[18]) == ("road", "car", "bicycle")
    assert task.colours[0] == (128, 64, 128)
    for name, first in (("gta5", "images/"), ("cityscapes", "leftImg8bit/train/")):
        data = opening.open_dataset(name, "train", task, tmp_path)
        assert len(data) == 4 and data.name(0).startswith(first) and data.has_labels
        found = {value for i in range(4) for value in _ids(data.label(i))}
        assert IGNORE in found and len(found) > 6
    data = opening.open_dataset("cityscapes", "train", task, tmp_path)
    assert _ids(data.label(0)) == [0, 1, 2, IGNORE]  # 7, 8, 11 and 4 in the file


def test_a_city_without_labels_can_be_a_target(tmp_path: Path) -> None:
    folder = make_cityscapes(tmp_path)
    (folder / "gtFine").rename(folder / "away")
    task = opening.declared("cityscapes", tmp_path)
    assert task is not None
    assert not opening.open_dataset("cityscapes", "train", task, tmp_path).has_labels


def test_every_image_of_the_game_is_in_one_split(tmp_path: Path) -> None:
    make_gta5(tmp_path, train=120, val=0, size=(4, 8))
    task = opening.declared("gta5", tmp_path)
    assert task is not None
    sets = [opening.open_dataset("gta5", split, task, tmp_path) for split in ("train", "val")]
    assert [len(each) for each in sets] == [118, 2]
    assert len({each.name(i) for each in sets for i in range(len(each))}) == 120


@pytest.mark.parametrize("name", ["gta5", "cityscapes"])
def test_streets_have_no_waste(tmp_path: Path, name: str) -> None:
    make_gta5(tmp_path)
    make_cityscapes(tmp_path)
    with pytest.raises(UsageError, match="cannot serve the task 'binary'"):
        opening.open_dataset(name, "train", Task.BINARY, tmp_path)


def test_zerowaste_has_four_classes_of_waste(tmp_path: Path) -> None:
    make_zerowaste(tmp_path)
    task = opening.declared("zerowaste", tmp_path)
    assert task is not None and task.classes[0] == "background" and task.background
    own = opening.open_dataset("zerowaste", "val", task, tmp_path)
    assert _ids(own.label(0)) == [0, 1, 2] and own.name(0).endswith("data/00_frame.PNG")
    waste = opening.open_dataset("zerowaste", "val", Task.BINARY, tmp_path)
    assert np.array_equal(waste.label(0), own.label(0) > 0)
    assert from_mapping({"src": "zerowaste"}).task == "classes"
