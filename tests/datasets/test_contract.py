"""Every data set that is found keeps the contract."""

import inspect
import pickle
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from dagen import plugins
from dagen.datasets.base import Dataset
from dagen.datasets.loading.opening import how_to_get
from dagen.datasets.upkeep.download import Download
from dagen.errors import UsageError
from dagen.types import IGNORE, Task
from tests import tiny
from tests.datasets.street import STREET

NAMES = plugins.names("datasets")
CASES = [
    pytest.param(name, split, task, id=f"{name}-{split}-{task}")
    for name in NAMES
    for task in plugins.get("datasets", name).tasks or (STREET,)
    for split in (("train", "val") if task == Task.BINARY else ("train",))
]


def _open(root: Path, name: str, split: str, task: Task) -> Dataset:
    found = plugins.get("datasets", name)
    if not found.on_disk:
        opened: Dataset = found(root, split, task)
        return opened
    assert name in tiny.MAKERS, f"tests/tiny.py needs a function make_{name.replace('-', '_')}"
    maker = tiny.MAKERS[name]
    # Masks hold the ids of one task in some layouts, and their maker is told which.
    more = {"task": task} if "task" in inspect.signature(maker).parameters else {}
    opened = found(maker(root, **more), split, task)
    return opened


def test_data_sets_are_found_and_each_maker_makes_one() -> None:
    assert {"taco", "taco-synth"} <= {*NAMES}
    on_disk = {name for name in NAMES if plugins.get("datasets", name).on_disk}
    assert {*tiny.MAKERS} == on_disk >= {*tiny.SCRAMBLERS}


@pytest.mark.parametrize("name", NAMES)
def test_how_to_get_it_is_said(name: str) -> None:
    found, how = plugins.get("datasets", name), how_to_get(name)
    if found.Download is None:
        assert how == found.how_to_get and how[-1] != "."
        return
    assert how == f"run `dagen data get {name}`"
    assert issubclass(found.Download, Download)
    options = found.Download()  # each option has a default
    assert found.Download.__dataclass_params__.frozen
    for field in fields(options):
        assert re.search(rf"^\s+{field.name}: ", found.Download.__doc__, re.MULTILINE), field.name


@pytest.mark.parametrize("name", NAMES)
def test_summary_is_one_sentence(name: str) -> None:
    assert plugins.summary("datasets", name).endswith(".")


@pytest.mark.parametrize(("name", "split", "task"), CASES)
def test_contract(tmp_path: Path, name: str, split: str, task: Task) -> None:
    dataset = _open(tmp_path, name, split, task)
    assert isinstance(dataset, Dataset)
    assert (dataset.split, dataset.task) == (split, task)
    assert len(dataset) >= 2
    assert dataset.has_labels
    names = [dataset.name(index) for index in range(len(dataset))]
    assert len({*names}) == len(names)
    assert all("\\" not in item and not item.startswith("/") for item in names)
    image, label = dataset.image(0), dataset.label(0)
    assert image.dtype == label.dtype == np.uint8
    assert image.shape == (*label.shape, 3)
    assert image.flags.c_contiguous and label.flags.c_contiguous
    assert {*np.unique(label).tolist()} <= {*range(task.num_classes), IGNORE}
    for index in (0, len(dataset) - 1):
        count = dataset.instances(index)
        assert count is None or count >= 0
        assert dataset.scene(index) is None or isinstance(dataset.scene(index), str)
    keys = [dataset.image_key(index) for index in range(len(dataset))]
    assert len({*keys}) == len(keys)
    assert len(dataset.fingerprint()) == 64
    assert dataset.fingerprint() == dataset.fingerprint()
    again = pickle.loads(pickle.dumps(dataset))  # a loader's worker gets it so
    assert again.name(0) == names[0]
    assert np.array_equal(again.image(0), image)
    assert np.array_equal(again.label(0), label)


@pytest.mark.parametrize("name", NAMES)
def test_some_pixels_are_labelled_as_each_kind(tmp_path: Path, name: str) -> None:
    usual = Task.BINARY if plugins.get("datasets", name).tasks else STREET
    dataset = _open(tmp_path, name, "train", usual)
    found = {value for i in range(2) for value in np.unique(dataset.label(i)).tolist()}
    assert {0, 1} <= found or (usual == STREET and len(found - {IGNORE}) > 4)


@pytest.mark.parametrize("name", NAMES)
def test_unknown_split(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="trian"):
        _open(tmp_path, name, "trian", Task.BINARY)
