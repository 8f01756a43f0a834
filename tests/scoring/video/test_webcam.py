"""A camera of this machine, played by a stand-in for OpenCV's: no test machine has one."""

import cv2
import numpy as np
import pytest

from dagen.errors import DataError
from dagen.scoring.video.webcam import Webcam


class Camera:
    """Two blue pictures, and then nothing."""

    def __init__(self, index: int) -> None:
        self.left, self.released = 2, False

    def isOpened(self) -> bool:
        return True

    def set(self, name: int, value: float) -> bool:
        return False

    def get(self, name: int) -> float:
        return 0.0  # what many drivers say

    def grab(self) -> bool:
        self.left -= 1
        return self.left >= 0

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, np.full((4, 6, 3), (255, 0, 0), np.uint8)

    def release(self) -> None:
        self.released = True


def test_frames_until_it_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    camera = Webcam(3)
    assert (camera.name, camera.told, camera.live, camera.rate) == (
        "camera-3", "camera 3", True, 25.0,
    )  # fmt: skip
    frames = []
    with pytest.raises(DataError, match="camera 3 gives no picture any more after 2 frames"):
        for frame in camera:
            frames.append(frame)
    assert [frame.number for frame in frames] == [1, 2] and frames[0].seconds == 0
    assert frames[0].pixels[0, 0].tolist() == [0, 0, 255] and frames[0].taken.tzinfo is not None
    camera.close()
    assert camera._camera.released


def test_no_camera(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match="camera 93 cannot be opened: plug it in"):
        Webcam(93)
    assert capfd.readouterr().err == ""
