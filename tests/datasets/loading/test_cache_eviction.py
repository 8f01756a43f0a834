import os
from pathlib import Path

import numpy as np
import pytest

from dagen.datasets.loading.cache import DecodeCache
from dagen.datasets.loading.cache_eviction import DEFAULT, VARIABLE, entries, limit, parse, shrink
from dagen.errors import UsageError


def _fill(folder: Path, count: int, first: int = 0) -> None:
    """Entries of about a kilobyte, a day older each than the next."""
    cache = DecodeCache(folder)
    for i in range(first, first + count):
        cache.get(f"{i}", lambda: np.zeros(900, np.uint8))
        for entry in entries(folder):
            os.utime(entry.path, (entry.used - 86_400, entry.used - 86_400))


def _has(folder: Path, key: int) -> bool:
    """Whether an entry is there, without making or touching it."""
    before = {entry.path for entry in entries(folder)}
    DecodeCache(folder).get(f"{key}", lambda: np.zeros(900, np.uint8))
    return {entry.path for entry in entries(folder)} == before


def test_what_was_used_least_recently_is_evicted(tmp_path: Path) -> None:
    _fill(tmp_path, 6)
    size = max(entry.bytes for entry in entries(tmp_path))
    DecodeCache(tmp_path).get("0", lambda: np.ones(1, np.uint8))  # used again: now the youngest
    gone = shrink(tmp_path, 3 * size)
    assert len(gone) == 3 and sum(entry.bytes for entry in entries(tmp_path)) == 3 * size
    assert [_has(tmp_path, key) for key in (0, 4, 5)] == [True] * 3
    assert not _has(tmp_path, 1)
    assert len(shrink(tmp_path, 0)) == 4 and not list(entries(tmp_path))


def test_writing_keeps_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "20kB")
    _fill(tmp_path, 60)
    assert sum(entry.bytes for entry in entries(tmp_path)) <= 21_500
    assert _has(tmp_path, 59)


def test_a_run_that_does_not_fit_is_told_once_and_reads_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, "10kB")
    cache = DecodeCache(tmp_path)
    for _ in range(2):
        for i in range(30):
            array = cache.get(f"{i}", lambda i=i: np.full(900, i, np.uint8))  # type: ignore[misc]
            assert np.array_equal(array, np.full(900, i, np.uint8))
    [told] = caplog.messages
    assert VARIABLE in told and "\n" not in told


def test_other_files_are_no_entries(tmp_path: Path) -> None:
    _fill(tmp_path, 1)
    for other in ("teachers/u2netp.onnx", "ab/notes.txt", "ab/.x.npy.0123abcd.tmp", "zz/a.npy"):
        path = tmp_path / other
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    assert len(shrink(tmp_path, 0)) == 1
    assert (tmp_path / "teachers/u2netp.onnx").is_file() and (tmp_path / "ab/notes.txt").is_file()
    assert not list(entries(tmp_path / "missing"))


def test_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse("20GB", "x") == 20_000_000_000 and parse("1 KiB", "x") == 1024
    assert parse("17", "x") == 17
    for wrong in ("", "much", "-3GB", "0"):
        with pytest.raises(UsageError, match=r"x is .*; give a size such as 20GB"):
            parse(wrong, "x")
    monkeypatch.delenv(VARIABLE, raising=False)
    assert limit() == DEFAULT
    monkeypatch.setenv(VARIABLE, "lots")
    with pytest.raises(UsageError, match=VARIABLE):
        limit()
