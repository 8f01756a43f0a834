import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dagen.datasets.taco import Taco
from dagen.datasets.upkeep import check
from dagen.datasets.upkeep.fetch import Patience
from dagen.datasets.upkeep.get_taco import Summary, get_taco
from dagen.errors import DataError, UsageError
from dagen.types import Task
from tests.server import BUSY, NO_RANGE, SHORT, SILENT, Server, serving
from tests.tiny import make_taco

QUICK = Patience(attempts=3, pause=0, timeout=60)
FIRST = "batch_1/000000.jpg"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving(monkeypatch) as running:
        yield running


@pytest.fixture
def taco(tmp_path: Path, server: Server) -> Path:
    """A tiny TACO that the server holds in the original size and has the addresses of."""
    folder = make_taco(tmp_path / "origin")
    file = folder / "data" / "annotations.json"
    document = json.loads(file.read_text())
    for image in document["images"]:
        name = image["file_name"]
        server.files[f"/o/{name}"] = (folder / "data" / name).read_bytes()
        image.update(flickr_url=server.address(f"/o/{name}"), flickr_640_url=None)
    server.files["/annotations.json"] = json.dumps(document).encode()
    return folder


def _get(folder: Path, server: Server, **more: Any) -> Summary:
    address = server.address("/annotations.json")
    return get_taco(folder, patience=QUICK, annotations=address, **more)


def _edit(server: Server, **changes: Any) -> None:
    document = json.loads(server.files["/annotations.json"])
    document["images"][0].update(changes)
    server.files["/annotations.json"] = json.dumps(document).encode()


def test_every_photograph_arrives_unchanged(tmp_path: Path, taco: Path, server: Server) -> None:
    calls: list[tuple[int, int]] = []
    folder = tmp_path / "taco"
    summary = _get(folder, server, workers=3, progress=lambda *call: calls.append(call))
    assert summary == Summary(total=6, fetched=6)
    assert calls == [(i, 6) for i in range(1, 7)]
    for path in (taco / "data").rglob("*.jpg"):
        assert (folder / path.relative_to(taco)).read_bytes() == path.read_bytes()
    assert not [*folder.rglob("*.part")]
    (folder / "splits.json").write_bytes((taco / "splits.json").read_bytes())
    assert check.check("taco", Task.MATERIAL, tmp_path).ok


def test_again_only_what_is_missing_or_damaged(tmp_path: Path, taco: Path, server: Server) -> None:
    _get(tmp_path / "taco", server)
    server.requests.clear()
    batch = tmp_path / "taco" / "data" / "batch_1"
    (batch / "000001.jpg").unlink()
    (batch / "000002.jpg").write_bytes((batch / "000002.jpg").read_bytes()[:-300])
    assert _get(tmp_path / "taco", server) == Summary(total=6, present=4, fetched=2)
    assert server.requests == {"/o/batch_1/000001.jpg": 1, "/o/batch_1/000002.jpg": 1}
    assert (batch / "000002.jpg").read_bytes() == server.files["/o/batch_1/000002.jpg"]


def test_a_broken_connection_goes_on_where_it_stopped(
    tmp_path: Path, taco: Path, server: Server
) -> None:
    server.faults[f"/o/{FIRST}"] = [SHORT, BUSY, SHORT]
    summary = _get(tmp_path / "taco", server)
    assert [failure.file for failure in summary.failures] == [FIRST]
    assert "3 attempts" in summary.failures[0].reason
    half = len(server.files[f"/o/{FIRST}"]) // 2
    assert server.ranges[0] == (f"/o/{FIRST}", f"bytes={half}-")
    part = tmp_path / "taco" / "data" / "batch_1" / "000000.jpg.part"
    kept = part.stat().st_size
    assert kept > half
    assert _get(tmp_path / "taco", server) == Summary(total=6, present=5, fetched=1)
    assert server.ranges[-1] == (f"/o/{FIRST}", f"bytes={kept}-")
    assert part.with_suffix("").read_bytes() == server.files[f"/o/{FIRST}"]
    assert not part.exists()


@pytest.mark.parametrize("fault", [NO_RANGE, ""])
@pytest.mark.parametrize("begun", [b"", b"something else", b"x" * 100_000])
def test_a_part_of_something_else_is_healed(
    tmp_path: Path, taco: Path, server: Server, begun: bytes, fault: str
) -> None:
    server.faults[f"/o/{FIRST}"] = [fault]
    part = tmp_path / "taco" / "data" / f"{FIRST}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(begun)
    assert _get(tmp_path / "taco", server).failures == []
    assert part.with_suffix("").read_bytes() == server.files[f"/o/{FIRST}"]


def test_a_whole_part_only_takes_its_name(tmp_path: Path, taco: Path, server: Server) -> None:
    part = tmp_path / "taco" / "data" / f"{FIRST}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(server.files[f"/o/{FIRST}"])
    assert _get(tmp_path / "taco", server).failures == []
    assert server.requests[f"/o/{FIRST}"] == 1  # answered 416: nothing more to send
    assert part.with_suffix("").read_bytes() == server.files[f"/o/{FIRST}"]


def test_a_silent_end_is_noticed(tmp_path: Path, taco: Path, server: Server) -> None:
    server.faults[f"/o/{FIRST}"] = [SILENT]
    assert _get(tmp_path / "taco", server).failures == []
    assert server.requests[f"/o/{FIRST}"] == 2


def test_failures_do_not_stop_the_others(tmp_path: Path, taco: Path, server: Server) -> None:
    wrong = io.BytesIO()
    Image.new("RGB", (32, 24)).save(wrong, "JPEG")
    server.files["/o/batch_1/000001.jpg"] = wrong.getvalue()
    server.files["/o/batch_1/000002.jpg"] = b"<html>this photo is no longer available</html>"
    del server.files[f"/o/{FIRST}"]
    summary = _get(tmp_path / "taco", server)
    assert summary.fetched == 3
    reasons = {failure.file: failure.reason for failure in summary.failures}
    assert "404" in reasons.pop(FIRST)
    assert "it is 32x24 (W x H), not 48x64 as declared" in reasons.pop("batch_1/000001.jpg")
    assert "cannot be read as an image" in reasons.pop("batch_1/000002.jpg")
    assert reasons == {}
    assert len([*(tmp_path / "taco").rglob("*.jpg")]) == 3
    assert server.requests[f"/o/{FIRST}"] == 1  # a clear no is not asked again


def test_the_second_address_helps(tmp_path: Path, taco: Path, server: Server) -> None:
    server.files["/small"] = server.files.pop(f"/o/{FIRST}")
    _edit(server, flickr_640_url=server.address("/small"))
    assert _get(tmp_path / "taco", server).failures == []
    assert server.requests["/small"] == 1


@pytest.mark.parametrize("address", [None, "ftp://127.0.0.1/x.jpg", "http://[", "nowhere"])
def test_bad_addresses(tmp_path: Path, taco: Path, server: Server, address: str | None) -> None:
    _edit(server, flickr_url=address)
    summary = _get(tmp_path / "taco", server)
    assert [failure.file for failure in summary.failures] == [FIRST]
    assert summary.fetched == 5


def test_a_png_becomes_the_jpeg_that_its_name_says(
    tmp_path: Path, taco: Path, server: Server
) -> None:
    stored = Image.open(io.BytesIO(server.files[f"/o/{FIRST}"]))
    png = io.BytesIO()
    stored.save(png, "PNG", exif=stored.getexif())
    server.files[f"/o/{FIRST}"] = png.getvalue()
    assert _get(tmp_path / "taco", server).failures == []
    with Image.open(tmp_path / "taco" / "data" / FIRST) as image:
        assert image.format == "JPEG"
    (tmp_path / "taco" / "splits.json").write_bytes((taco / "splits.json").read_bytes())
    before, after = (
        Taco(folder, "train", Task.BINARY).image(0) for folder in (taco, tmp_path / "taco")
    )
    assert np.abs(before.astype(int) - after).mean() < 5  # upright still
    assert _get(tmp_path / "taco", server) == Summary(total=6, present=6)


def test_paths_cannot_leave(tmp_path: Path, taco: Path, server: Server) -> None:
    _edit(server, file_name="../../../x.jpg")
    with pytest.raises(DataError, match=r"'\.\./\.\./\.\./x\.jpg'"):
        _get(tmp_path / "taco", server)
    _edit(server, file_name="link/x.jpg")
    (tmp_path / "taco" / "data" / "link").symlink_to(tmp_path)
    summary = _get(tmp_path / "taco", server)
    assert "symbolic link" in summary.failures[0].reason
    assert not [*tmp_path.glob("x.jpg*")]


@pytest.mark.parametrize("content", [None, b"{", b'{"images": 3}'])
def test_the_annotation_file_cannot_be_had(
    tmp_path: Path, server: Server, content: bytes | None
) -> None:
    if content is not None:
        server.files["/annotations.json"] = content
    with pytest.raises(
        DataError, match=r"could not be downloaded from .*put it at .*annotations\.json"
    ):
        _get(tmp_path / "taco", server)
    assert not (tmp_path / "taco" / "data" / "annotations.json").exists()


def test_an_annotation_file_that_is_there_is_used(
    tmp_path: Path, taco: Path, server: Server
) -> None:
    folder = tmp_path / "taco"
    folder.mkdir()
    (folder / "annotations.json").write_bytes(server.files.pop("/annotations.json"))
    assert _get(folder, server).fetched == 6
    assert (folder / FIRST).is_file()


def test_wrong_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="0 download workers"):
        get_taco(tmp_path, workers=0)
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(UsageError, match=r"pip install 'dagen\[download\]'"):
        get_taco(tmp_path)
