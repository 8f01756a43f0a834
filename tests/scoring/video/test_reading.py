"""Videos give every frame with its time; what is damaged is told once, after the whole frames."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from dagen.errors import DataError, UsageError
from dagen.scoring.video.frames import Frame
from dagen.scoring.video.reading import Video
from tests.scoring.video.films import RATE, SIZE, film, picture


def read(path: Path) -> tuple[list[Frame], str]:
    """All frames, and what was wrong."""
    video, frames = Video(str(path)), []
    try:
        for frame in video:
            frames.append(frame)
    except DataError as error:
        return frames, str(error)
    finally:
        video.close()
    return frames, ""


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts", "a.mov"])
def test_every_frame_with_its_time(tmp_path: Path, name: str) -> None:
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    path = film(tmp_path / name, 30, codec=codec)
    video = Video(str(path))
    assert (video.live, video.name, video.told) == (False, "a", str(path))
    assert video.rate == pytest.approx(RATE) and video.count in (29, 30, 31)
    video.close()
    frames, problem = read(path)
    assert problem == "" and [frame.number for frame in frames] == [*range(1, 31)]
    assert [frame.seconds for frame in frames] == pytest.approx([i / RATE for i in range(30)])
    assert frames[0].pixels.shape == (*SIZE, 3) and frames[0].taken is None
    # Compressed, but the red square is where it was drawn, and red.
    for i in (0, 13, 29):
        square = picture(i)[..., 0] == 230
        assert frames[i].pixels[square].mean(0) == pytest.approx((230, 10, 10), abs=32), name
        assert frames[i].pixels[~square].max() < 160


def test_frames_at_uneven_times(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.5, 0.52, 1.7]
    frames, problem = read(film(tmp_path / "a.mkv", 5, times=times.__getitem__))
    assert problem == "" and [frame.seconds for frame in frames] == pytest.approx(times)


def test_a_video_that_ends_in_the_middle(tmp_path: Path) -> None:
    whole = film(tmp_path / "whole.mp4", 60, movflags="faststart").read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: len(whole) * 6 // 10])
    frames, problem = read(path)
    assert 10 < len(frames) < 60
    assert "ends in the middle" in problem and f"{len(frames)} frames could be read" in problem
    assert len(problem.splitlines()) == 1
    mkv = film(tmp_path / "whole.mkv", 60).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(mkv[: len(mkv) * 6 // 10])
    frames, problem = read(tmp_path / "cut.mkv")
    assert 10 < len(frames) < 60 and "ends in the middle" in problem


def test_frames_after_damage_are_read(tmp_path: Path) -> None:
    whole = bytearray(film(tmp_path / "whole.mp4", 60, movflags="faststart").read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + 600] = b"\xff" * 600  # parts of impossible lengths
    (tmp_path / "hurt.mp4").write_bytes(whole)
    frames, problem = read(tmp_path / "hurt.mp4")
    assert frames[-1].seconds > 50 / RATE
    assert "damaged part" in problem


@pytest.mark.parametrize("content", [b"", b"hello", b"\0\0\0\x18ftypmp42" + bytes(100)])
def test_what_is_no_video(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.mp4 cannot be opened as a video"):
        Video(str(tmp_path / "a.mp4"))
    with pytest.raises(UsageError, match="does not exist"):
        Video(str(tmp_path / "b.mp4"))


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=16_000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.rate = 16_000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    with pytest.raises(DataError, match="has no video in it"):
        Video(str(tmp_path / "a.mp4"))


class _Locked(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(401)

    def log_message(self, *args: object) -> None: ...


@contextmanager
def locked_server() -> Iterator[int]:
    """An HTTP server that refuses every password; its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Locked) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_refused_password_is_not_told(capfd: pytest.CaptureFixture[str]) -> None:
    with locked_server() as port, pytest.raises(DataError, match="check the address") as caught:
        Video(f"http://admin:hunter2@127.0.0.1:{port}/hunter2?pwd=hunter2")
    assert f"http://127.0.0.1:{port} cannot" in str(caught.value)
    assert "hunter2" not in str(caught.value) + "".join(capfd.readouterr())
    with pytest.raises(DataError) as closed:  # nothing listens there any more
        Video(f"rtsp://admin:hunter2@127.0.0.1:{port}/x")
    assert "hunter2" not in str(closed.value) + "".join(capfd.readouterr())
