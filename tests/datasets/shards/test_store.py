"""Shards behind addresses: downloaded once, kept while there is room; told if not sound."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dagen.datasets.loading import cache_eviction
from dagen.datasets.shards.index import Kinds
from dagen.datasets.shards.store import Store
from dagen.errors import DagenError, DataError
from tests.datasets.shards.making import write_tar
from tests.server import PAGE, SHORT, SILENT, serving

KINDS = Kinds()


def copy(store: Store, address: str) -> Path:
    """Where the copy of a shard is."""
    with store.opened(address) as file:
        return Path(file.name)


FILES = [("a.jpg", b"1" * 700), ("b.jpg", b"2" * 300)]


def test_a_local_shard_is_read_where_it_lies(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", FILES)
    store = Store(tmp_path / "cache")
    assert not store.has_index(path, KINDS)
    index = store.index(path, KINDS, "a.tar")
    assert store.has_index(path, KINDS)
    for place, (_, content) in zip(index.images.tolist(), FILES, strict=True):
        assert store.read(path, place, index.size) == content
    assert [Path(e.path).suffix for e in cache_eviction.entries(tmp_path / "cache")] == [".npz"]


def test_an_index_follows_the_file(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", FILES)
    store = Store(tmp_path / "cache")
    assert len(store.index(path, KINDS, "a.tar")) == 2
    write_tar(path, FILES[:1])
    os.utime(path, (1, 1))
    assert len(store.index(path, KINDS, "a.tar")) == 1
    index = store.index(path, KINDS, "a.tar")
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(DataError, match="was cut since its index was made"):
        store.read(path, (512, 700), index.size)
    path.unlink()
    with pytest.raises(DataError, match=r"a\.tar is missing: restore it"):
        store.read(path, (512, 700), index.size)
    with pytest.raises(DataError, match=r"the shard a\.tar is missing"):
        store.index(path, KINDS, "a.tar")


def test_a_shard_is_downloaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = write_tar(tmp_path / "a.tar", FILES).read_bytes()
    with serving(monkeypatch) as server:
        server.files["/a.tar"] = content
        address = server.address("/a.tar")

        def read(_: int) -> bytes:
            store = Store(tmp_path / "cache")
            index = store.index(address, KINDS, address)
            return store.read(address, tuple(index.images[1].tolist()), index.size)

        with ThreadPoolExecutor(4) as pool:
            assert [*pool.map(read, range(8))] == [FILES[1][1]] * 8
        assert server.requests == {"/a.tar": 1}
        found = [*cache_eviction.entries(tmp_path / "cache")]
        assert sorted(Path(e.path).suffix for e in found) == [".npz", ".tar"]
        cache_eviction.shrink(tmp_path / "cache", 0)
        assert read(0) == FILES[1][1]
        assert server.requests == {"/a.tar": 2}


def test_shards_come_and_go_within_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    content = write_tar(tmp_path / "a.tar", [("a.jpg", bytes(30_000))]).read_bytes()
    monkeypatch.setenv(cache_eviction.VARIABLE, f"{3 * len(content)}")
    with serving(monkeypatch) as server:
        store = Store(tmp_path / "cache")
        for k in range(8):
            server.files[f"/{k}.tar"] = content
            path = copy(store, server.address(f"/{k}.tar"))
            assert path.read_bytes() == content
            os.utime(path, (time.time() - 100 + k,) * 2)  # in this order, whatever the clock does
            found = [*cache_eviction.entries(tmp_path / "cache")]
            assert sum(entry.bytes for entry in found) <= 3 * len(content)
        assert copy(store, server.address("/7.tar")).is_file()
        assert server.requests["/7.tar"] == 1
        copy(store, server.address("/0.tar"))
        assert server.requests["/0.tar"] == 2
    assert not caplog.messages


def test_a_shard_that_is_evicted_at_once_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(monkeypatch) as server:
        server.files["/a.tar"] = write_tar(tmp_path / "a.tar", FILES).read_bytes()
        store = Store(tmp_path / "cache")

        def evict(*_: object) -> None:
            cache_eviction.shrink(tmp_path / "cache", 0)

        monkeypatch.setattr(store._eviction, "wrote", evict)  # as other processes do at any time
        index = store.index(server.address("/a.tar"), KINDS, "a.tar")
        place = tuple(index.images[0].tolist())
        assert store.read(server.address("/a.tar"), place, index.size) == FILES[0][1]


def test_a_cache_that_cannot_hold_one_shard_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache_eviction.VARIABLE, "10kB")
    with serving(monkeypatch) as server:
        server.files["/a.tar"] = write_tar(tmp_path / "a.tar", FILES).read_bytes()
        store = Store(tmp_path / "cache")
        with pytest.raises(DataError, match=r"10,240 bytes.* 10,000,.*set DAGEN_CACHE_LIMIT to mo"):
            store.index(server.address("/a.tar"), KINDS, "a.tar")
    assert not [*cache_eviction.entries(tmp_path / "cache")]


def test_shards_on_this_disk_need_no_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    store = Store(tmp_path / "file" / "cache")
    store.index(write_tar(tmp_path / "b.tar", FILES), KINDS, "b.tar")
    index = store.index(write_tar(tmp_path / "a.tar", FILES), KINDS, "a.tar")
    assert store.read(tmp_path / "a.tar", tuple(index.images[0].tolist()), index.size)
    [told] = caplog.messages
    assert "indexed every time" in told and "DAGEN_CACHE names another" in told
    with serving(monkeypatch) as server:
        server.files["/a.tar"] = (tmp_path / "a.tar").read_bytes()
        with pytest.raises(DagenError, match=r"need a cache: .* DAGEN_CACHE names another folder"):
            store.index(server.address("/a.tar"), KINDS, "a.tar")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("404", "the server refused it"),
        ("403", "the server refused it"),
        (SHORT, "it broke off"),
        (PAGE, "damaged or truncated, or no tar file"),
        (SILENT, "damaged or truncated"),
    ],
)
def test_what_a_server_does_wrong_is_one_line(
    fault: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = write_tar(tmp_path / "a.tar", [*FILES, ("c.jpg", bytes(30_000))]).read_bytes()
    with serving(monkeypatch) as server:
        server.files["/a.tar"] = content
        server.faults["/a.tar"] = [fault]
        store = Store(tmp_path / "cache")
        with pytest.raises(DataError, match=told) as caught:
            store.index(server.address("/a.tar"), KINDS, server.address("/a.tar"))
        assert "\n" not in str(caught.value) and "/a.tar" in str(caught.value)
        assert len(store.index(server.address("/a.tar"), KINDS, "a.tar")) == 3  # nothing stays


def test_nobody_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(monkeypatch) as server:
        address = server.address("/a.tar")
    with pytest.raises(DataError, match="nobody answers there; correct shards in"):
        copy(Store(tmp_path), address)


def test_a_shard_that_has_changed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(monkeypatch) as server:
        address = server.address("/a.tar")
        server.files["/a.tar"] = write_tar(tmp_path / "a.tar", FILES).read_bytes()
        store = Store(tmp_path / "cache")
        index = store.index(address, KINDS, address)
        copy(store, address).unlink()
        server.files["/a.tar"] = write_tar(tmp_path / "a.tar", FILES * 12).read_bytes()
        with pytest.raises(DataError, match="has another size than when its index was made"):
            store.read(address, (512, 700), index.size)


def test_a_full_disk_is_no_fault_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with serving(monkeypatch) as server:
        server.files["/a.tar"] = write_tar(tmp_path / "a.tar", FILES).read_bytes()
        monkeypatch.setattr("dagen.datasets.shards.store.shutil.copyfileobj", full)
        with pytest.raises(DagenError, match="no space left on device; free some space"):
            copy(Store(tmp_path / "cache"), server.address("/a.tar"))


def _program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_s3_is_read_by_its_own_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tar(tmp_path / "a.tar", FILES)
    _program(
        tmp_path / "bin",
        "aws",
        f'[ "$*" = "s3 cp --only-show-errors s3://b/a.tar -" ] && cat {path}',
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    index = Store(tmp_path / "cache").index("s3://b/a.tar", KINDS, "a.tar")
    assert list(index.names) == ["a.jpg", "b.jpg"]


def test_what_the_program_says_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _program(tmp_path / "bin", "aws", 'echo "fatal error: (404) Not Found" >&2; exit 1')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(DataError, match=r"s3://b/a\.tar cannot be read: fatal error: \(404\) Not"):
        copy(Store(tmp_path / "cache"), "s3://b/a.tar")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DataError, match="the program aws, which downloads it, is not installed"):
        copy(Store(tmp_path / "cache"), "s3://b/a.tar")
