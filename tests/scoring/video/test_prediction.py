"""A video becomes masks and a video of overlays: no frame of a file is lost, a live one may be."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dagen.errors import DagenError, UsageError
from dagen.scoring.objects import Shape
from dagen.scoring.overlay import legend, overlay
from dagen.scoring.video import prediction
from dagen.scoring.video.frames import Frame
from dagen.scoring.video.lines import FrameDocument, FrameLines, line
from dagen.scoring.video.prediction import Filmed, open_source, predict_video
from dagen.scoring.video.writing import OverlayVideo
from dagen.types import Task
from tests.scoring.video.films import RATE, SIZE, Fake, Red, film, picture, played

EXPECTED = 12 * 16  # pixels of the red square


def mask(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == "L" and image.info["Software"] == "dagen predict"
        return np.array(image)


def fill(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_becomes_a_mask_for_each_frame_and_a_video(tmp_path: Path) -> None:
    source = open_source(str(film(tmp_path / "a.mp4", 30)))
    done = predict_video(Red(), source, tmp_path / "out")
    assert done.masks == tmp_path / "out" / "a" and done.frames == 30 and done.dropped == 0
    assert done.problem == "" and done.signal == 0 and done.wall > 0
    assert fill(done.masks) == [f"{i:06}.png" for i in range(1, 31)]
    for number in (1, 17, 30):
        found = mask(done.masks / f"{number:06}.png")
        assert found.shape == SIZE and abs(int(found.sum()) - EXPECTED) < 30
        wanted = picture(number - 1)[..., 0] > 127
        assert (found.astype(bool) ^ wanted).mean() < 0.02
    assert done.overlay == tmp_path / "out" / "a-overlay.mp4"
    shown = played(done.overlay)
    assert [time for time, _ in shown] == pytest.approx([i / RATE for i in range(30)], abs=1e-3)
    height = SIZE[0] + legend(Task.BINARY, SIZE[1], size=9).height
    assert shown[0][1].shape == (height + height % 2, SIZE[1], 3)
    drawn = overlay(picture(16), (picture(16)[..., 0] > 127).astype(np.uint8), Task.BINARY)
    assert np.abs(shown[16][1][: SIZE[0]].astype(int) - drawn).mean() < 25
    assert done.seconds.keys() == {"decoding", "network", "writing"}
    assert all(seconds > 0 for seconds in done.seconds.values())


def test_only_what_is_asked_for(tmp_path: Path) -> None:
    def run(name: str, **wanted: bool) -> Filmed:
        return predict_video(Red(), Fake(3, live=False), tmp_path / name, **wanted)

    assert run("masks", overlay=False).overlay is None
    assert fill(tmp_path / "masks") == ["fake"]
    assert run("overlay", masks=False).masks is None
    assert fill(tmp_path / "overlay") == ["fake-overlay.mp4"]
    with pytest.raises(UsageError, match="nothing would be written"):
        run("none", masks=False, overlay=False)
    source = Fake(3, live=False)
    with pytest.raises(UsageError, match="seconds is -1"):
        predict_video(Red(), source, tmp_path, seconds=-1)
    assert source.closed.is_set()


def test_a_slow_network_loses_no_frame_of_a_file(tmp_path: Path) -> None:
    class Slow(Red):
        def __call__(self, image: np.ndarray) -> np.ndarray:
            time.sleep(0.005)
            return super().__call__(image)

    done = predict_video(Slow(), Fake(40, live=False), tmp_path, overlay=False)
    assert (done.frames, done.dropped) == (40, 0)
    assert len(fill(tmp_path / "fake")) == 40


def test_a_live_source_drops_the_oldest_frames_and_counts_them(tmp_path: Path) -> None:
    """The network keeps the first frame until the camera has given all."""
    given = threading.Event()

    class Late(Red):
        def __call__(self, image: np.ndarray) -> np.ndarray:
            assert given.wait(30)
            return super().__call__(image)

    def gate(number: int) -> None:
        if number == 30:
            given.set()

    numbers: list[int] = []
    done = predict_video(
        Late(), Fake(30, gate=gate), tmp_path, overlay=False,
        on_frame=lambda name, frame, found: numbers.append(frame.number),
    )  # fmt: skip
    assert done.frames + done.dropped == 30 and done.dropped >= 20
    assert numbers == sorted(numbers) and numbers[-1] == 30
    assert done.masks is not None and done.masks.name.startswith("fake-20")
    assert fill(done.masks) == [f"{number:06}.png" for number in numbers]


@pytest.mark.parametrize("live", [True, False])
def test_a_signal_ends_it_with_its_result(tmp_path: Path, live: bool) -> None:
    """A camera that would go on for ever; what was done stays and plays."""

    def gate(number: int) -> None:
        if number == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)

    done = predict_video(Red(), Fake(10**6, live=live, gate=gate), tmp_path)
    assert done.signal == signal.SIGTERM and done.problem == ""
    assert done.masks is not None and done.overlay is not None
    assert 0 < done.frames < 100
    assert len(fill(done.masks)) == done.frames == len(played(done.overlay))


def test_a_silent_camera_does_not_hold_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction, "_PATIENCE", 0.1)
    silent = threading.Event()

    def gate(number: int) -> None:
        if number == 3:
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
            silent.wait(30)

    source = Fake(5, gate=gate)
    done = predict_video(Red(), source, tmp_path)
    assert done.frames == 2 and done.signal == signal.SIGTERM
    assert not source.closed.is_set(), "its own thread reads it still"
    silent.set()
    assert source.closed.wait(30)


def test_a_source_that_breaks_off_leaves_what_was_done(tmp_path: Path) -> None:
    source = Fake(7, live=False, problem="a fake ends in the middle.")
    done = predict_video(Red(), source, tmp_path)
    assert done.problem == "a fake ends in the middle." and done.frames == 7
    assert done.masks is not None and len(fill(done.masks)) == 7
    assert done.overlay is not None and len(played(done.overlay)) == 7
    assert source.closed.is_set()


def test_the_end_of_the_time(tmp_path: Path) -> None:
    done = predict_video(Red(), Fake(10**6, live=False), tmp_path, overlay=False, seconds=0.4)
    assert done.frames == 10 and done.signal == 0


def test_a_network_or_a_disk_that_fails_ends_it_at_once(tmp_path: Path) -> None:
    class Broken(Red):
        def __call__(self, image: np.ndarray) -> np.ndarray:
            raise DagenError("the network failed.")

    with pytest.raises(DagenError, match="the network failed"):
        predict_video(Broken(), Fake(10**6, live=False), tmp_path)

    def full(name: str, frame: Frame, found: list[Shape]) -> None:
        raise DagenError("the disk is full.")

    with pytest.raises(DagenError, match="the disk is full"):
        predict_video(Red(), Fake(10**6, live=False), tmp_path, on_frame=full)


def test_what_is_on_the_disk_plays_before_the_end(tmp_path: Path) -> None:
    writer = OverlayVideo(tmp_path / "a.mp4", Task.BINARY, RATE)
    label = np.zeros(SIZE, np.uint8)
    for number in range(1, 151):
        writer.add(Frame(number, number / RATE, picture(number)), label)
    (tmp_path / "killed.mp4").write_bytes((tmp_path / "a.mp4").read_bytes())
    assert len(played(tmp_path / "killed.mp4")) >= 50
    writer.close()
    assert len(played(tmp_path / "a.mp4")) == 150


def test_frames_of_other_sizes_and_clocks_that_go_back(tmp_path: Path) -> None:
    writer = OverlayVideo(tmp_path / "a.mp4", Task.BINARY, RATE)
    for number, (size, seconds) in enumerate([((31, 47), 0.2), ((62, 94), 0.1), ((31, 47), 0.3)]):
        pixels = picture(number, (40, 60))[: size[0], : size[1]]
        pixels = np.resize(pixels, (*size, 3))
        writer.add(Frame(number, seconds, pixels), np.zeros(size, np.uint8))
    writer.close()
    shown = played(tmp_path / "a.mp4")
    assert len(shown) == 3 and {pixels.shape[1] for _, pixels in shown} == {48}
    assert [time for time, _ in shown] == sorted(time for time, _ in shown)


def test_no_file_of_the_user_is_replaced(tmp_path: Path) -> None:
    own = film(tmp_path / "fake-overlay.mp4", 3)
    before = own.read_bytes()
    with pytest.raises(UsageError, match=r"fake-overlay\.mp4 exists, and dagen predict did not"):
        predict_video(Red(), Fake(3, live=False), tmp_path)
    assert own.read_bytes() == before and not (tmp_path / "fake").exists()
    own.unlink()
    (tmp_path / "fake").mkdir()
    for name in ("notes.txt", "000001.png"):
        path = tmp_path / "fake" / name
        Image.fromarray(picture(0)).save(path, "png")
        with pytest.raises(UsageError, match="dagen predict did not write it"):
            predict_video(Red(), Fake(3, live=False), tmp_path)
        path.unlink()


def test_a_second_call_replaces_the_first(tmp_path: Path) -> None:
    predict_video(Red(), Fake(9, live=False), tmp_path)
    done = predict_video(Red(), Fake(4, live=False), tmp_path)
    assert done.masks is not None and len(fill(done.masks)) == 4
    assert done.overlay is not None and len(played(done.overlay)) == 4


def test_objects_with_the_time_of_each_frame(tmp_path: Path) -> None:
    lines, document = tmp_path / "found.jsonl", FrameDocument(tmp_path / "found.json", Task.BINARY)
    writer = FrameLines(lines, print, Task.BINARY)

    def both(name: str, frame: Frame, found: list[Shape]) -> None:
        writer.add(name, frame, found)
        document.add(name, frame, found)

    done = predict_video(Red(), Fake(3), tmp_path / "out", on_frame=both)
    document.close()
    assert done.found == 3
    told = [json.loads(each) for each in lines.read_text().splitlines()]
    assert [each["frame"] for each in told] == [1, 2, 3]
    assert [each["seconds"] for each in told] == pytest.approx([0, 0.04, 0.08])
    assert told[1]["time"] == "2026-11-30T12:00:00.000+00:00"
    assert told[2]["features"][0]["properties"]["area"] == EXPECTED
    coco = json.loads((tmp_path / "found.json").read_text())
    assert [image["frame"] for image in coco["images"]] == [1, 2, 3]
    assert coco["images"][1]["file_name"] == f"{done.masks.name}/000002.png"
    assert [each["image_id"] for each in coco["annotations"]] == [1, 2, 3]
    FrameLines(lines, print, Task.BINARY)  # its own file may be replaced
    assert lines.read_text() == ""
    lines.write_text("my notes\n")
    with pytest.raises(UsageError, match="did not write it"):
        FrameLines(lines, print, Task.BINARY)
    empty = json.loads(line("a", Frame(1, 0.0, picture(0)), [], Task.BINARY))
    assert empty["features"] == [] and "time" not in empty
