"""What training on a target sees does not depend on its labels, not even on their being there."""

import builtins
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dagen import plugins
from dagen.datasets.base import Dataset
from dagen.errors import DataError
from dagen.types import Task
from tests import tiny


def _open(name: str, folder: Path) -> Dataset:
    opened: Dataset = plugins.get("datasets", name)(folder, "train", Task.MATERIAL)
    return opened


def _seen(dataset: Dataset) -> tuple[list[tuple[str, str]], str, list[bytes]]:
    every = range(len(dataset))
    return (
        [(dataset.name(index), dataset.image_key(index)) for index in every],
        dataset.fingerprint(),
        [dataset.image(index).tobytes() for index in every],
    )


def _delete_resortit(folder: Path) -> None:
    shutil.rmtree(folder / "labels")


def _delete_taco(folder: Path) -> None:
    (folder / "data" / "annotations.json").unlink()


def _garble_taco(folder: Path) -> None:
    (folder / "data" / "annotations.json").write_bytes(bytes(range(100)))


def _delete_folder(folder: Path) -> None:
    shutil.rmtree(folder / "masks")


@pytest.mark.parametrize("own_splits", [True, False])
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("resortit", tiny.scramble_resortit),
        ("resortit", _delete_resortit),
        ("taco", tiny.scramble_taco),
        ("taco", _delete_taco),
        ("taco", _garble_taco),
        ("folder", _delete_folder),
    ],
)
def test_labels_change_nothing(
    tmp_path: Path, name: str, change: Callable[[Path], None], own_splits: bool
) -> None:
    folder = tiny.make_taco(tmp_path, train=12) if name == "taco" else tiny.MAKERS[name](tmp_path)
    if not own_splits:
        (folder / "splits.json").unlink(missing_ok=True)
    before = _seen(_open(name, folder))
    label = _open(name, folder).label(0)
    change(folder)
    assert _seen(_open(name, folder)) == before
    if change in (_delete_resortit, _delete_taco, _delete_folder):
        assert not _open(name, folder).has_labels
        with pytest.raises(DataError, match="missing"):
            _open(name, folder).label(0)
    elif change is not _garble_taco:
        assert not np.array_equal(_open(name, folder).label(0), label)  # the change was one


@pytest.mark.parametrize("name", ["resortit", "taco", "folder"])
def test_no_label_file_is_opened(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny.MAKERS[name](tmp_path)
    opened: list[str] = []
    plain = builtins.open

    def watched(file, *rest, **more):  # type: ignore[no-untyped-def]
        opened.append(str(file))
        return plain(file, *rest, **more)

    monkeypatch.setattr(builtins, "open", watched)
    monkeypatch.setattr(io, "open", watched)
    dataset = _open(name, folder)
    _seen(dataset)
    looked = [path for path in opened if path.startswith(str(folder))]
    assert any(dataset.name(0) in path for path in looked)  # the watch does watch
    hidden = ("annotations.json", f"{os.sep}labels{os.sep}", f"{os.sep}masks{os.sep}")
    assert not [path for path in looked if any(part in path for part in hidden)]


def test_coco_with_image_folders_needs_no_annotations(tmp_path: Path) -> None:
    folder = tiny.make_coco(tmp_path)
    split = folder / "images" / "train"
    split.mkdir()
    for path in sorted((folder / "images").glob("train_*.jpg")):
        path.rename(split / path.name)
    before, label = _seen(_open("coco", folder)), _open("coco", folder).label(0)
    assert label.any()
    (folder / "annotations" / "instances_train.json").unlink()
    dataset = _open("coco", folder)
    assert not dataset.has_labels
    assert _seen(dataset) == before
