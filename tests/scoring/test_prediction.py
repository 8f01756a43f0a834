"""Files are segmented without losing one of the user's, and one bad picture stops no other."""

import io
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dagen.errors import UsageError
from dagen.scoring import prediction
from dagen.scoring.prediction import NotSegmented, predict_files
from dagen.types import Task

PIXELS = np.random.default_rng(0).integers(60, 200, (12, 16, 3), np.uint8)


class Red:
    """A predictor that takes what is red for waste, pixel by pixel."""

    name, task, size, bytes = "red", Task.BINARY, (32, 32), None

    def __call__(self, image: np.ndarray) -> np.ndarray:
        red = image[..., 0].astype(np.float32) / 255
        return np.stack([1 - red, red])


def _save(path: Path, pixels: np.ndarray = PIXELS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def _mask(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == "L"
        return np.array(image)


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def _predict(images: Path, out: Path) -> list[str]:
    return [path.relative_to(out).as_posix() for path in predict_files(Red(), images, out).written]


EXPECTED = (PIXELS[..., 0] > 127.5).astype(np.uint8)


def test_every_picture_below_a_folder(tmp_path: Path) -> None:
    for name in ("b.png", "a/c.bmp", "a/D.PNG", ".hidden.png", ".thumbs/e.png"):
        _save(tmp_path / "in" / name)
    (tmp_path / "in" / "notes.txt").write_text("x")
    (tmp_path / "in" / "._b.png").write_bytes(b"\0\5\x16\7")
    out = tmp_path / "out"
    assert _predict(tmp_path / "in", out) == ["a/D.png", "a/c.png", "b.png"]
    assert sorted(_contents(out)) == [
        "a/D-overlay.jpg", "a/D.png", "a/c-overlay.jpg", "a/c.png", "b-overlay.jpg", "b.png",
    ]  # fmt: skip
    assert np.array_equal(_mask(out / "a" / "c.png"), EXPECTED)
    assert _predict(tmp_path / "in" / ".hidden.png", out) == [".hidden.png"], "named, so wanted"


def test_nothing_to_predict_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no image"):
        _predict(tmp_path, tmp_path / "out")
    with pytest.raises(UsageError, match="does not exist"):
        _predict(tmp_path / "none", tmp_path / "out")


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    _save(tmp_path / "in" / "x.png")
    _save(tmp_path / "in" / "x.bmp")
    with pytest.raises(UsageError, match="would both become"):
        _predict(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("way", ["same", "dot", "link", "hard", "file", "link-to-file"])
def test_pictures_are_never_overwritten(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = tmp_path / "in"
    _save(photos / "a.bmp")
    _save(photos / "photo.png")
    images, out = photos, photos
    if way == "dot":
        monkeypatch.chdir(photos)
        images, out = Path("."), Path("../in/.")
    elif way == "link":
        (out := tmp_path / "out").symlink_to(photos)
    elif way == "hard":
        (out := tmp_path / "out").mkdir()
        os.link(photos / "photo.png", out / "photo.png")
    elif way == "link-to-file":
        (out := tmp_path / "out").mkdir()
        (out / "photo.png").symlink_to(photos / "photo.png")
    elif way == "file":
        images = photos / "photo.png"
    before = _contents(tmp_path)
    with pytest.raises(UsageError, match=r"photo\.png would be overwritten by .*photo\.png; give"):
        _predict(images, out)
    assert _contents(tmp_path) == before


def test_other_pictures_in_the_output_folder_are_not_overwritten(tmp_path: Path) -> None:
    """``a.png`` is another photograph, which this call does not even read."""
    _save(tmp_path / "a.bmp")
    _save(tmp_path / "a.png")
    before = _contents(tmp_path)
    with pytest.raises(UsageError, match=r"a\.png exists, and dagen predict did not write it"):
        _predict(tmp_path / "a.bmp", tmp_path)
    assert _contents(tmp_path) == before


def test_what_dagen_wrote_is_left_out_and_may_be_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.bmp", "sub/photo.png", "grey.png"):
        _save(tmp_path / name, PIXELS[..., 0] if name == "grey.png" else PIXELS)
    monkeypatch.chdir(tmp_path)
    first = _predict(Path("."), Path("predictions"))
    assert first == ["a.png", "grey.png", "sub/photo.png"]
    for out in ("predictions", "others", "predictions", "sub/third"):
        assert _predict(Path("."), Path(out)) == first
    assert _predict(Path("a.bmp"), Path(".")) == _predict(Path("a.bmp"), Path(".")) == ["a.png"]
    with pytest.raises(UsageError, match="only masks and overlays that dagen wrote"):
        _predict(Path("predictions"), Path("again"))


def test_masks_of_version_0_1_have_no_mark(tmp_path: Path) -> None:
    _save(tmp_path / "a.bmp")
    Image.fromarray(EXPECTED).save(tmp_path / "predictions.png")
    for name in ("predictions.png", "marked/a.png"):
        _save(tmp_path / name, EXPECTED)
        _save((tmp_path / name).with_name(f"{Path(name).stem}-overlay.jpg"))
    assert _predict(tmp_path, tmp_path / "marked") == ["a.png"]


def test_bad_pictures_stop_no_other(tmp_path: Path) -> None:
    photos = tmp_path / "in"
    (photos / "sub").mkdir(parents=True)
    (photos / "a.jpg").write_bytes(b"")
    content = io.BytesIO()
    Image.fromarray(np.repeat(np.repeat(PIXELS, 9, 0), 9, 1)).save(content, "JPEG")
    (photos / "b.jpg").write_bytes(content.getvalue()[: len(content.getvalue()) // 2])
    Image.fromarray(PIXELS[..., 0].astype(np.float32)).save(photos / "c.tif")
    Image.new("1", (14_000, 13_500)).save(photos / "d.png")
    (photos / "sub" / "IMG.HEIC").write_bytes(b"x")
    _save(photos / "e.png")
    with pytest.raises(NotSegmented) as error:
        _predict(photos, tmp_path / "out")
    assert error.value.done.written == [tmp_path / "out" / "e.png"]
    assert np.array_equal(_mask(tmp_path / "out" / "e.png"), EXPECTED)
    named = {Path(line.removeprefix("the image ").split()[0]).name for line in error.value.failures}
    assert named == {"a.jpg", "b.jpg", "c.tif", "d.png", "IMG.HEIC"}
    assert str(error.value).startswith("5 of 6 image(s) could not be segmented: ")
    assert "\n" not in str(error.value)


def test_a_signal_ends_it_after_the_pictures_that_are_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        pytest.skip("a job in the background of a shell ignores Ctrl-C")

    class Stopping(Red):
        calls = 0

        def __call__(self, image: np.ndarray) -> np.ndarray:
            self.calls += 1
            if self.calls == 3:
                os.kill(os.getpid(), signal.SIGINT)
            return super().__call__(image)

    monkeypatch.setattr(prediction, "_AT_ONCE", 1)
    for number in range(20):
        _save(tmp_path / "in" / f"{number:02}.png")
    told: list[str] = []
    done = predict_files(
        Stopping(),
        tmp_path / "in",
        tmp_path / "out",
        overlays=False,
        on_objects=lambda name, shape, found: told.append(name),
    )
    assert done.signal == signal.SIGINT and 3 <= len(done.written) < 20
    assert sorted((tmp_path / "out").iterdir()) == done.written, "each mask is whole and told"
    assert told == [path.name for path in done.written]


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_16_bits_have_the_mask_of_8_bits(tmp_path: Path, channels: int) -> None:
    import cv2

    shown = PIXELS[..., :channels]
    for name, pixels in (("8.png", shown), ("16.png", shown.astype(np.uint16) * 257)):
        (tmp_path / "in").mkdir(exist_ok=True)
        assert cv2.imwrite(str(tmp_path / "in" / name), pixels)
    _predict(tmp_path / "in", tmp_path / "out")
    masks = [_mask(tmp_path / "out" / name) for name in ("8.png", "16.png")]
    assert masks[0].any() and np.array_equal(*masks)


def test_a_huge_picture_is_segmented_smaller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[8:32, 12:48, 0] = 250
    _save(tmp_path / "a.png", pixels)
    monkeypatch.setattr(prediction, "_MOST", 2 * 10 * 15)  # a quarter of each side
    _predict(tmp_path / "a.png", tmp_path / "out")
    assert np.array_equal(_mask(tmp_path / "out" / "a.png"), pixels[..., 0] // 250)
