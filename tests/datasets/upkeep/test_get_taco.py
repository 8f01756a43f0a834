import io
import json
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dagen.datasets.taco import Taco
from dagen.datasets.upkeep import addresses, check
from dagen.datasets.upkeep.fetch import BrokenError, Patience, _Pace
from dagen.datasets.upkeep.get_taco import Summary, get_taco
from dagen.errors import DagenError, DataError, UsageError
from dagen.types import Task
from tests.server import BUSY, DEAF, NO_RANGE, PAGE, SHORT, SILENT, Server, serving
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
    return get_taco(folder, **{"patience": QUICK, "annotations": address, **more})


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


@pytest.mark.parametrize("fault", ["500", PAGE, DEAF, "/loop", "http://10.0.0.1/x.jpg"])
def test_the_second_address_helps_whatever_is_wrong_with_the_first(
    tmp_path: Path, taco: Path, server: Server, fault: str
) -> None:
    server.files["/small"] = server.files[f"/o/{FIRST}"]
    server.faults[f"/o/{FIRST}"] = [fault] * 3
    server.faults["/loop"] = ["/loop"] * 50
    _edit(server, flickr_640_url=server.address("/small"))
    patience = replace(QUICK, timeout=0.2) if fault == DEAF else QUICK
    assert _get(tmp_path / "taco", server, patience=patience).failures == []
    assert server.requests["/small"] == 1
    assert not [*tmp_path.rglob("*.part")]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (None, "gives no address"),
        ("ftp://127.0.0.1/x.jpg", "not an address of http"),
        ("file:///etc/passwd", "not an address of http"),
        ("nowhere", "not an address of http"),
        ("http://[", "not a valid host name"),
        ("http:///x.jpg", "an address without a host"),
        ("http://\u2028/x.jpg", "not a valid address"),
        ("http://b\u00fc\u0000cher.example/x.jpg", "not a valid address"),
        (f"http://{'a' * 64}.example/x.jpg", "not a valid host name"),
        (f"http://{'ü' * 64}.example/x.jpg", "not a valid address"),
        ("http://a..b/x.jpg", "not a valid host name"),
        ("http://127.0.0.1:99999/x.jpg", "a port that does not exist"),
        ("http://127.0.0.1:0/x.jpg", "a port that does not exist"),
        ("http://127.0.0.1:-1/x.jpg", "a port that does not exist"),
        ("http://127.0.0.1:x/x.jpg", "not a valid address"),
    ],
)
def test_an_odd_address_is_one_photograph_with_a_reason(
    tmp_path: Path, taco: Path, server: Server, address: str | None, reason: str
) -> None:
    _edit(server, flickr_url=address)
    summary = _get(tmp_path / "taco", server)
    assert [failure.file for failure in summary.failures] == [FIRST]
    assert reason in summary.failures[0].reason
    assert summary.fetched == 5


@pytest.mark.parametrize(
    "host", ["127.0.0.2", "10.0.0.1", "169.254.169.254", "[::1]", "2130706434", "localhost.test"]
)
@pytest.mark.parametrize("redirected", [False, True])
def test_hosts_that_are_not_public_are_not_contacted(
    tmp_path: Path,
    taco: Path,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    redirected: bool,
) -> None:
    """The server listens on 127.0.0.1 alone, which alone counts as public here."""
    real = socket.getaddrinfo

    def resolve(name: str, *rest: Any, **more: Any) -> Any:
        return real("127.0.0.3" if name == "localhost.test" else name, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    address = f"http://{host}:{server.server_address[1]}/o/{FIRST}"
    if redirected:
        server.faults["/away"] = [address]
        address = server.address("/away")
    _edit(server, flickr_url=address)
    summary = _get(tmp_path / "taco", server)
    assert [failure.file for failure in summary.failures] == [FIRST]
    assert "is no public address" in summary.failures[0].reason
    assert not server.requests[f"/o/{FIRST}"]


def test_a_name_that_leads_elsewhere_when_it_is_connected_is_refused(
    tmp_path: Path, taco: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was public when it was resolved, and the connection goes to this machine."""
    monkeypatch.setattr(addresses, "fault", lambda address: None)
    monkeypatch.setattr(addresses, "is_public", lambda address: False)
    (tmp_path / "taco").mkdir()
    (tmp_path / "taco" / "annotations.json").write_bytes(server.files["/annotations.json"])
    summary = _get(tmp_path / "taco", server)
    assert len(summary.failures) == 6
    assert all("127.0.0.1 is no public" in failure.reason for failure in summary.failures)
    assert not [*(tmp_path / "taco").rglob("*.jpg*")]


def test_redirects_are_followed(tmp_path: Path, taco: Path, server: Server) -> None:
    server.faults["/away"] = ["/further"]
    server.faults["/further"] = [server.address(f"/o/{FIRST}")]
    _edit(server, flickr_url=server.address("/away"))
    assert _get(tmp_path / "taco", server).failures == []
    assert server.requests["/further"] == 1


@pytest.mark.parametrize(
    "name",
    [
        "annotations.json", "batch_1/annotations.json", "splits.json", "x.jpg", "masks/x.jpg",
        "batch_1", "batch_1.jpg", "batch_1/.x.jpg", "batch_1/.git/x.jpg", "batch_1/x.jpg.part",
        "batch_1/x", "batch_1/a\nb.jpg", "batch_1/" + "x" * 300 + ".jpg",
    ],
)  # fmt: skip
def test_a_name_that_no_photograph_has_is_refused(
    tmp_path: Path, taco: Path, server: Server, name: str
) -> None:
    before = json.loads(server.files["/annotations.json"])
    before["images"][0]["file_name"] = name
    server.files["/annotations.json"] = json.dumps(before).encode()
    summary = _get(tmp_path / "taco", server)
    assert len(summary.failures) == 1 and summary.fetched == 5
    assert "not one of a photograph" in summary.failures[0].reason or len(name) > 300
    kept = json.loads((tmp_path / "taco" / "data" / "annotations.json").read_text())
    assert kept == before
    assert len([path for path in (tmp_path / "taco").rglob("*") if path.is_file()]) == 6


@pytest.mark.parametrize("name", ["batch_1/./000000.jpg", "batch_1//000000.jpg", "./" + FIRST])
def test_spellings_of_one_name_are_one_file(
    tmp_path: Path, taco: Path, server: Server, name: str
) -> None:
    _edit(server, file_name=name)
    assert _get(tmp_path / "taco", server).failures == []
    document = json.loads(server.files["/annotations.json"])
    document["images"][1]["file_name"] = FIRST
    server.files["/annotations.json"] = json.dumps(document).encode()
    with pytest.raises(DataError, match=r"1 file\(s\) more than once \(batch_1/000000\.jpg\)"):
        _get(tmp_path / "again", server)


@pytest.mark.parametrize("kind", ["symbolic", "hard"])
def test_a_part_that_is_a_link_is_not_followed(
    tmp_path: Path, taco: Path, server: Server, kind: str
) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_bytes(b"mine")
    part = tmp_path / "taco" / "data" / f"{FIRST}.part"
    part.parent.mkdir(parents=True)
    if kind == "symbolic":
        part.symlink_to(mine)
    else:
        part.hardlink_to(mine)
    assert _get(tmp_path / "taco", server).failures == []
    assert mine.read_bytes() == b"mine"
    assert part.with_suffix("").read_bytes() == server.files[f"/o/{FIRST}"]
    assert not part.with_suffix("").is_symlink()


@pytest.mark.parametrize("fault", ["", SILENT])
def test_a_file_that_is_too_large_is_refused(
    tmp_path: Path, taco: Path, server: Server, fault: str
) -> None:
    """With the announced size, and without."""
    server.files[f"/o/{FIRST}"] = b"x" * 4_000_000
    server.faults[f"/o/{FIRST}"] = [fault]
    summary = _get(tmp_path / "taco", server, max_mb=1)
    assert [failure.file for failure in summary.failures] == [FIRST]
    assert "larger than 1 MB, the limit of one file" in summary.failures[0].reason
    assert summary.fetched == 5 and not [*tmp_path.rglob("*.part")]


def test_the_limit_of_all_files_ends_the_download_and_keeps_what_has_arrived(
    tmp_path: Path, taco: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [len(server.files[name]) for name in sorted(server.files)]
    monkeypatch.setattr("dagen.datasets.upkeep.get_taco._GB", sum(sizes[:3]) + 100)
    with pytest.raises(DagenError, match="limit of one download; what has arrived is ke") as error:
        _get(tmp_path / "taco", server, max_total_gb=1, workers=1)
    assert "\n" not in str(error.value)
    assert len([*(tmp_path / "taco").rglob("*.jpg")]) == 2
    assert _get(tmp_path / "taco", server, max_total_gb=3).failures == []


def test_a_slow_server_counts_as_broken(tmp_path: Path, taco: Path, server: Server) -> None:
    _get(tmp_path / "taco", server)
    (tmp_path / "taco" / "data" / FIRST).unlink()
    slow = replace(QUICK, rate=1e30, window=1e-9)  # slower than any server
    summary = _get(tmp_path / "taco", server, patience=slow)
    assert "bytes per second arrived" in summary.failures[0].reason
    assert "3 attempts" in summary.failures[0].reason


def test_the_rate_is_that_of_each_window() -> None:
    times = iter((0.0, 1.0, 59.0, 60.0, 61.0, 119.0, 120.0))
    pace = _Pace(Patience(rate=10, window=60), lambda: next(times))
    for size in (0, 1, 599, 599, 0):
        pace.arrived(size)
    with pytest.raises(BrokenError, match=r"fewer than 10 bytes per second arrived in 60 s"):
        pace.arrived(0)


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
    _edit(server, file_name="batch_9/x.jpg")
    (tmp_path / "taco" / "data" / "batch_9").symlink_to(tmp_path)
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
