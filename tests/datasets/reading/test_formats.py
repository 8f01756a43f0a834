"""Pictures whose format is not read: training, scoring, checking and predicting say the same."""

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from dagen.datasets.folder import Folder
from dagen.datasets.reading.files import MissingSplit
from dagen.datasets.reading.images import read_image
from dagen.datasets.upkeep.check import check
from dagen.errors import DataError
from dagen.scoring.prediction_files import plan
from dagen.types import Task

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
AVIF = b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miaf" + bytes(100)
PIXELS = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
SENTENCE = "{} is {} file, which is not read: save it as JPEG or PNG."


def _folder(root: Path, name: str, content: bytes) -> Path:
    """A folder with one good picture and one of another format."""
    images = root / "folder" / "images" / "train"
    images.mkdir(parents=True)
    Image.fromarray(PIXELS).save(images / "a.png")
    (images / name).write_bytes(content)
    return images


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.heic", HEIC, "a HEIC"), ("x.AVIF", AVIF, "an AVIF"), ("x.gif", b"GIF89a", "a GIF"),
        ("x.nef", b"II*\0", "a NEF"), ("x.jxl", b"\xff\x0a", "a JPEG XL"),
        ("x.heif", b"", "a HEIF"),
    ],
)  # fmt: skip
def test_one_sentence_everywhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, content: bytes, told: str
) -> None:
    images = _folder(tmp_path, name, content)
    sentence = SENTENCE.format(images / name, told)
    with caplog.at_level(logging.WARNING, logger="dagen"):
        for _ in range(2):  # training and scoring open a split several times, and say it once
            assert len(Folder(tmp_path / "folder", "train", Task.BINARY)) == 1
    assert caplog.messages == [sentence]
    assert [d.problem for d in check("folder", Task.BINARY, tmp_path).defects][:1] == [sentence]
    assert plan(images, tmp_path / "out").unread == [sentence]
    (images / "a.png").unlink()
    with pytest.raises(MissingSplit, match="has no image: ") as error:
        Folder(tmp_path / "folder", "train", Task.BINARY)
    assert sentence in str(error.value)


@pytest.mark.parametrize(("content", "told"), [(HEIC, "a HEIC"), (AVIF, "an AVIF")])
def test_the_content_counts_not_the_suffix(tmp_path: Path, content: bytes, told: str) -> None:
    images = _folder(tmp_path, "x.jpg", content)
    sentence = SENTENCE.format(images / "x.jpg", told)
    with pytest.raises(DataError) as error:
        read_image(images / "x.jpg")
    assert str(error.value) == sentence
    assert sentence in [d.problem for d in check("folder", Task.BINARY, tmp_path).defects]


@pytest.mark.parametrize(
    ("kind", "told"), [("AVIF", "an AVIF"), ("GIF", "a GIF"), ("PPM", "a PPM")]
)
def test_what_only_some_builds_of_pillow_read_is_not_read(
    tmp_path: Path, kind: str, told: str
) -> None:
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow cannot write AVIF")
    Image.fromarray(PIXELS).save(tmp_path / "x.png", kind)
    with pytest.raises(DataError) as error:
        read_image(tmp_path / "x.png")
    assert str(error.value) == SENTENCE.format(tmp_path / "x.png", told)


def test_many_are_told_in_a_few_lines(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    images = _folder(tmp_path, "x.heic", HEIC)
    for k in range(30):
        (images / f"y{k}.heic").write_bytes(HEIC)
    Folder(tmp_path / "folder", "train", Task.BINARY)
    assert len(caplog.messages) == 6
    assert caplog.messages[-1] == "26 more pictures there are not read either."
