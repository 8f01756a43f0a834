import errno
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagen.datasets.reading.paths import inside, lexically_inside, list_images, stamp
from dagen.errors import DataError
from tests.fuzz import FUZZ

PART = st.sampled_from(["a", "..", ".", "", "b c", "...", "C:", "\\", "..\\x", "\0", "ü.jpg"])


@FUZZ
@given(st.lists(PART, max_size=5).map("/".join))
def test_what_is_let_through_stays_below(name: str) -> None:
    root = "/data/set"
    if lexically_inside(name):
        reached = os.path.normpath(os.path.join(root, name))
        assert reached == root or reached.startswith(root + "/")
        assert not os.path.isabs(name) and "\\" not in name and "\0" not in name


@pytest.mark.parametrize("name", ["batch_1/000006.jpg", "a b.jpg", "x/./y.png", "...jpg"])
def test_ordinary_names_are_let_through(tmp_path: Path, name: str) -> None:
    assert inside(tmp_path, name, "list.json") == tmp_path / name


@pytest.mark.parametrize("name", ["../x.jpg", "a/../../x.jpg", "/x.jpg", "C:/x.jpg", "..\\x", ""])
def test_names_that_leave_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"list.json names the file"):
        inside(tmp_path, name, "list.json")


def test_a_link_that_leaves_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "real").mkdir(parents=True)
    (tmp_path / "secret.jpg").touch()
    (root / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "folder").symlink_to(tmp_path)
    for name in ("link.jpg", "folder/secret.jpg"):
        with pytest.raises(DataError, match="symbolic link"):
            inside(root, name, "list.json")
    (root / "within").symlink_to(root / "real")
    inside(root, "within/x.jpg", "list.json")


def test_a_root_that_is_a_link_itself_is_fine(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "disk")
    inside(tmp_path / "root", "x.jpg", "list.json")


def test_listing(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", ".hidden.jpg", "notes.txt", "Thumbs.db"):
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    assert list_images(tmp_path) == ["a.jpg", "b.PNG"]
    assert list_images(tmp_path / "none") == []


def test_stamp_changes_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"1")
    first = stamp(path)
    assert stamp(path) == first
    os.utime(path, ns=(5, 5))
    second = stamp(path)
    path.write_bytes(b"12")
    os.utime(path, ns=(5, 5))
    assert len({first, second, stamp(path)}) == 3
    with pytest.raises(DataError, match="missing"):
        stamp(tmp_path / "y")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
@pytest.mark.parametrize("mode", [0o000, 0o400])
def test_a_folder_without_permission_is_one_line(tmp_path: Path, mode: int) -> None:
    _locked(tmp_path).chmod(mode)
    try:
        with pytest.raises(DataError, match=r"locked.* cannot be read: permission denied; make it"):
            list_images(tmp_path)
    finally:
        (tmp_path / "locked").chmod(0o700)


def test_a_folder_that_the_system_refuses_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without this its images would be missing from training and scores without a word."""
    locked, usual = _locked(tmp_path), os.scandir

    def scandir(path: str) -> Any:
        if Path(path) == locked:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return usual(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataError, match=r"locked cannot be read: permission denied; make it"):
        list_images(tmp_path)
    assert list_images(tmp_path / "missing") == list_images(tmp_path / "a.jpg") == []


def _locked(root: Path) -> Path:
    (root / "locked").mkdir()
    for name in ("a.jpg", "locked/b.jpg"):
        (root / name).write_bytes(b"x")
    return root / "locked"
