"""What training on a target sees does not depend on its labels, not even on their being there."""

import builtins
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dagen import plugins
from dagen.datasets.base import Dataset
from dagen.datasets.maps.salience import Salience
from dagen.errors import DataError
from tests import tiny
from tests.datasets.street import STREET

ON_DISK = [n for n in plugins.names("datasets") if plugins.get("datasets", n).on_disk]


def _open(name: str, folder: Path) -> Dataset:
    found = plugins.get("datasets", name)
    usual = found.tasks[-1] if found.tasks else STREET
    opened: Dataset = found(folder, "train", usual)
    return opened


def _seen(dataset: Dataset) -> tuple[list[tuple[str, str]], str, list[bytes]]:
    every = range(len(dataset))
    return (
        [(dataset.name(index), dataset.image_key(index)) for index in every],
        dataset.fingerprint(),
        [dataset.image(index).tobytes() for index in every],
    )


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every file that is opened from now on."""
    found: list[Path] = []
    plain = builtins.open

    def watched(file, *rest, **more):  # type: ignore[no-untyped-def]
        found.append(Path(str(file)))
        return plain(file, *rest, **more)

    monkeypatch.setattr(builtins, "open", watched)
    monkeypatch.setattr(io, "open", watched)
    return found


def _made(name: str, root: Path, *, own_splits: bool = True) -> Path:
    """A data set on disk whose images are listed by folders or split lists."""
    more = {"folders": True} if name == "coco" else {}
    folder: Path = tiny.MAKERS[name](root, train=12, **more)
    if not own_splits:
        (folder / "splits.json").unlink(missing_ok=True)
    return folder


def _label_files(name: str, folder: Path, opened: list[Path]) -> set[Path]:
    """The files below ``folder`` that labels are read from."""
    dataset = _open(name, folder)
    every = range(len(dataset))
    opened.clear()
    for index in every:
        dataset.label(index)
    images = {folder / dataset.name(index) for index in every}
    found = {path for path in opened if path.is_relative_to(folder)} - images
    opened.clear()
    assert found, "the watch saw no label"
    return found


def _delete(files: set[Path]) -> None:
    for path in files:
        path.unlink()
        if not [*path.parent.iterdir()]:
            path.parent.rmdir()


def _garble(files: set[Path]) -> None:
    for path in files:
        path.write_bytes(bytes(range(100)))


@pytest.mark.parametrize("own_splits", [True, False])
@pytest.mark.parametrize("change", [_delete, _garble])
@pytest.mark.parametrize("name", ON_DISK)
def test_damaged_and_missing_labels_change_nothing(
    tmp_path: Path,
    name: str,
    change: Callable[[set[Path]], None],
    own_splits: bool,
    opened: list[Path],
) -> None:
    folder = _made(name, tmp_path, own_splits=own_splits)
    before = _seen(_open(name, folder))
    change(_label_files(name, folder, opened))
    dataset = _open(name, folder)
    assert _seen(dataset) == before
    assert dataset.has_labels is (change is not _delete)
    with pytest.raises(DataError, match="missing" if change is _delete else None):
        dataset.label(0)


@pytest.mark.parametrize("own_splits", [True, False])
@pytest.mark.parametrize("name", sorted(tiny.SCRAMBLERS))
def test_other_labels_change_nothing(tmp_path: Path, name: str, own_splits: bool) -> None:
    folder = _made(name, tmp_path, own_splits=own_splits)
    before, label = _seen(_open(name, folder)), _open(name, folder).label(0)
    tiny.SCRAMBLERS[name](folder)
    assert _seen(_open(name, folder)) == before
    assert not np.array_equal(_open(name, folder).label(0), label)  # the change was one


@pytest.mark.parametrize("name", ON_DISK)
def test_no_label_file_is_opened(tmp_path: Path, name: str, opened: list[Path]) -> None:
    folder = _made(name, tmp_path)
    labels = _label_files(name, folder, opened)
    dataset = _open(name, folder)
    _seen(dataset)
    dataset.map_of(0, Salience())
    assert folder / dataset.name(0) in opened  # the watch does watch
    assert not labels & {*opened}
