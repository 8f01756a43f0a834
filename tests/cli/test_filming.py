"""``dagen predict`` with videos, cameras and streams: what is written, said and returned."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dagen import cli
from dagen.api import networks
from dagen.scoring.video import prediction
from tests.scoring.video.films import Fake, Red, film, played
from tests.scoring.video.test_reading import locked_server

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """Runs the command line with a network that finds what is red."""
    monkeypatch.setattr(networks, "load", lambda *_, **__: Red())

    def run(*arguments: object) -> tuple[int, str, str]:
        given = ["dagen", "predict", "net.onnx", *map(str, arguments), "--quiet"]
        monkeypatch.setattr(sys, "argv", given)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def test_a_video(call: Call, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 12)
    code, out, err = call(path, "--out", tmp_path / "o", "--objects", tmp_path / "found.json")
    assert (code, err) == (0, "")
    assert f"12 frame(s) of {path} segmented; see {tmp_path}/o/a and" in out
    assert "12 object(s) found; they are in" in out
    assert "images per second (of the busy time, decoding" in out and "dropped" not in out
    assert len(list((tmp_path / "o" / "a").iterdir())) == 12
    assert len(played(tmp_path / "o" / "a-overlay.mp4")) == 12
    document = json.loads((tmp_path / "found.json").read_text())
    assert [image["seconds"] for image in document["images"]][:2] == [0, 0.04]


def test_lines_on_standard_output(call: Call, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 5)
    code, out, err = call(
        path, "--out", tmp_path / "o", "--objects", "-", "--no-overlay", "--no-masks"
    )
    assert code == 0 and not (tmp_path / "o").exists()
    assert [json.loads(line)["frame"] for line in out.splitlines()] == [1, 2, 3, 4, 5]
    assert "5 frame(s)" in err and "5 object(s) found." in err


def test_a_video_that_breaks_off(call: Call, tmp_path: Path) -> None:
    whole = film(tmp_path / "whole.mp4", 60, movflags="faststart").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) * 6 // 10])
    code, out, err = call(tmp_path / "cut.mp4", "--out", tmp_path / "o")
    assert code == 1 and "ends in the middle" in err and len(err.splitlines()) == 1
    kept = len(list((tmp_path / "o" / "cut").iterdir()))
    assert kept > 10 and f"{kept} frame(s)" in out
    assert len(played(tmp_path / "o" / "cut-overlay.mp4")) == kept


@pytest.mark.parametrize(("live", "expected"), [(True, 0), (False, 130)])
def test_ctrl_c(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, live: bool, expected: int
) -> None:
    def gate(number: int) -> None:
        if number == 5:
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)

    monkeypatch.setattr(prediction, "open_source", lambda _: Fake(10**6, live=live, gate=gate))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code, out, err = call("rtsp://u:secret@cam/x", "--out", tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    assert code == expected and "Ended by Ctrl-C" in out
    assert (err == "") is live and "resume" not in err
    (overlay,) = tmp_path.glob("*-overlay.mp4")
    assert f"{len(played(overlay))} frame(s) of a fake segmented" in out


def test_a_password_is_never_printed(call: Call, tmp_path: Path) -> None:
    with locked_server() as port:
        address = f"http://admin:hunter2@127.0.0.1:{port}/hunter2?pwd=hunter2"
        code, out, err = call(address, "--out", tmp_path / "o")
    assert code == 1 and "check the address" in err and "hunter2" not in out + err
    code, out, err = call("gopher://admin:hunter2@cam/x")
    assert code == 2 and "no address that is read" in err and "hunter2" not in out + err


def test_wrong_use(call: Call, tmp_path: Path) -> None:
    code, _, err = call(tmp_path, "--no-masks")
    assert code == 2 and "--no-masks is for a video" in err
    code, _, err = call(tmp_path, "--seconds", "3")
    assert code == 2 and "--seconds is for a video" in err
    code, _, err = call(tmp_path / "none.mp4")
    assert code == 2 and "does not exist" in err
    film(tmp_path / "a.mp4", 2)
    code, _, err = call(tmp_path)
    assert code == 2 and f"such as {tmp_path / 'a.mp4'}" in err
