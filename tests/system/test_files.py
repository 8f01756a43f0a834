"""Whole files, growing logs, and what a kill or a full disk leaves of them."""

import errno
import io
import os
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import torch

from dagen.errors import DagenError
from dagen.system.files import append_line, make_folder, read_lines, remove, write_atomically


def full_disk(*_: object, **__: object) -> Any:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    return path


def test_bytes_replace_the_old_file(old: Path) -> None:
    write_atomically(old, b"new")
    assert old.read_bytes() == b"new"
    assert os.listdir(old.parent) == ["file.bin"]


def test_a_function_writes_to_the_file_it_is_given(old: Path) -> None:
    write_atomically(old, lambda file: torch.save({"step": 3}, file))
    assert torch.load(io.BytesIO(old.read_bytes()), weights_only=True) == {"step": 3}


def test_the_content_is_synced_before_it_is_renamed_and_the_folder_after(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    sync, replace = os.fsync, os.replace

    def note_sync(descriptor: int) -> None:
        seen.append("sync")
        sync(descriptor)

    def note_replace(source: Path, target: Path) -> None:
        assert source.read_bytes() == b"new" and target.read_bytes() == b"old"
        seen.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_replace)
    write_atomically(old, b"new")
    assert seen == ["sync", "replace", "sync"]


def test_the_draft_is_found_by_no_glob_for_the_suffix(old: Path) -> None:
    def look(file: BinaryIO) -> None:
        assert [p.name for p in old.parent.glob("*.bin")] == ["file.bin"]
        assert Path(file.name).parent == old.parent
        file.write(b"new")

    write_atomically(old, look)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_keeps_the_old_file_and_leaves_no_draft(
    old: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(os, call, full_disk)
    with pytest.raises(DagenError, match=r"file\.bin cannot be written: no space left") as caught:
        write_atomically(old, b"new")
    assert "free some space" in str(caught.value)
    assert old.read_bytes() == b"old" and os.listdir(old.parent) == ["file.bin"]


def test_a_disk_that_fills_up_while_a_function_writes(old: Path) -> None:
    def write(file: BinaryIO) -> None:
        file.write(b"half")
        full_disk()

    with pytest.raises(DagenError, match="no space left"):
        write_atomically(old, write)
    assert old.read_bytes() == b"old" and os.listdir(old.parent) == ["file.bin"]


def test_the_reason_is_found_behind_the_writer_s_own_error(old: Path) -> None:
    def write(file: BinaryIO) -> None:
        try:
            full_disk()
        except OSError as error:
            raise RuntimeError("writer failed") from error

    with pytest.raises(DagenError, match="no space left"):
        write_atomically(old, write)


@pytest.mark.parametrize(
    "error", [ValueError("bad"), KeyboardInterrupt(), FileNotFoundError(2, "", "x")]
)
def test_errors_that_are_not_the_disk_s_pass_unchanged(old: Path, error: BaseException) -> None:
    def write(file: BinaryIO) -> None:
        file.write(b"half")
        raise error

    with pytest.raises(type(error)):
        write_atomically(old, write)
    assert old.read_bytes() == b"old" and os.listdir(old.parent) == ["file.bin"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DagenError, match="make its folder first"):
        write_atomically(tmp_path / "no" / "file", b"")
    with pytest.raises(DagenError, match="make its folder first"):
        append_line(tmp_path / "no" / "file", "line")


def test_make_folder(tmp_path: Path, old: Path) -> None:
    assert make_folder(tmp_path / "a" / "b").is_dir()
    make_folder(tmp_path / "a" / "b")
    with pytest.raises(DagenError, match="a file is in the way"):
        make_folder(old)
    with pytest.raises(DagenError, match="parents are folders"):
        make_folder(old / "below")


def test_lines_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = ["one", "", "zwei – \u2028 drei", "x" * 10_000]
    for line in lines:
        append_line(path, line)
    assert read_lines(path) == lines
    assert read_lines(path, start=len(b"one\n")) == lines[1:]
    assert read_lines(path, start=path.stat().st_size) == []
    with pytest.raises(ValueError, match="newline"):
        append_line(path, "two\nlines")


@pytest.mark.parametrize("torn", [b"to", b"x" * 9000])
@pytest.mark.parametrize("whole", [b"", b"one\n", b"one\ntwo\n"])
def test_a_torn_last_line_is_dropped(tmp_path: Path, whole: bytes, torn: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(whole + torn)
    assert read_lines(path) == whole.decode().split()
    append_line(path, "next")
    assert path.read_bytes() == whole + b"next\n"


def test_a_full_disk_leaves_the_whole_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, write = tmp_path / "log", os.write
    append_line(path, "one")
    room = 2

    def short_write(file: int, data: bytes) -> int:
        nonlocal room
        if room == 0:
            full_disk()
        count, room = write(file, data[:room]), 0
        return count

    monkeypatch.setattr(os, "write", short_write)
    with pytest.raises(DagenError, match="no space left"):
        append_line(path, "two")
    assert path.read_bytes() == b"one\n"


def test_the_error_names_the_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DagenError, match="nothing cannot be read: no such file"):
        read_lines(tmp_path / "nothing")
    (tmp_path / "log").write_bytes(b"one\n\xff\xfe\n")
    with pytest.raises(DagenError, match="damaged at byte 4"):
        read_lines(tmp_path / "log")


def test_a_file_is_removed_or_one_line_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for _ in range(2):
        remove(tmp_path / "file")
    assert not (tmp_path / "file").exists()
    (tmp_path / "folder").mkdir()
    with pytest.raises(DagenError, match="folder cannot be removed: ") as error:
        remove(tmp_path / "folder")
    assert "\n" not in str(error.value)
