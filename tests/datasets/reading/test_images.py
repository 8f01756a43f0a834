import io
import re
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import dagen
from dagen.datasets.reading.images import image_size, read_image
from dagen.errors import DataError
from tests.fuzz import FUZZ

PIXELS = np.random.default_rng(0).integers(0, 256, size=(6, 9, 3), dtype=np.uint8)


def _bytes(kind: str) -> bytes:
    out = io.BytesIO()
    big = np.repeat(np.repeat(PIXELS, 8, axis=0), 8, axis=1)
    Image.fromarray(big).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_upright(tmp_path: Path, orientation: int) -> None:
    # What a camera held in each of the eight ways stores of the same scene.
    stored = {
        1: PIXELS,
        2: PIXELS[:, ::-1],
        3: PIXELS[::-1, ::-1],
        4: PIXELS[::-1],
        5: PIXELS.transpose(1, 0, 2),
        6: np.rot90(PIXELS, 1),
        7: PIXELS[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(PIXELS, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "x.png"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    assert np.array_equal(read_image(path), PIXELS)
    assert image_size(path) == (6, 9)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1"])
def test_every_common_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("x.jpg" if mode == "CMYK" else "x.png")
    Image.fromarray(PIXELS).convert(mode).save(path)
    image = read_image(path)
    assert image.shape == (6, 9, 3)
    assert image.dtype == np.uint8
    assert image.flags.writeable


@pytest.mark.parametrize("name", ["x.png", "x.tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_are_refused(tmp_path: Path, name: str, channels: int) -> None:
    deep = np.zeros((6, 9, channels), np.uint16)
    deep[...] = PIXELS[..., :1]  # 8 bits of content: the upper bits alone would be black
    assert cv2.imwrite(str(tmp_path / name), deep)
    with pytest.raises(DataError, match=rf"{name} has more than 8 bits a channel: save it") as got:
        read_image(tmp_path / name)
    assert "\n" not in str(got.value)
    assert image_size(tmp_path / name) == (6, 9)


def test_a_bitmap_of_sixteen_bits_a_pixel_is_read(tmp_path: Path) -> None:
    """5 bits of red, 6 of green, 5 of blue: fewer than 8 a channel."""
    pixels = np.array([[0xF800, 0x07E0], [0x001F, 0xFFFF]], "<u2")[::-1].tobytes()
    masks = struct.pack("<3I", 0xF800, 0x07E0, 0x001F)
    header = struct.pack("<IiiHHIIiiII", 40, 2, 2, 1, 16, 3, len(pixels), 0, 0, 0, 0)
    start = 14 + len(header) + len(masks)
    file = struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start)
    (tmp_path / "x.bmp").write_bytes(file + header + masks + pixels)
    red, green, blue, white = read_image(tmp_path / "x.bmp").reshape(4, 3).tolist()
    assert [red, green, blue, white] == [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]


def test_no_other_module_reads_images() -> None:
    package = Path(dagen.__file__).parent
    readers = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(r"\b(Image|Pil)\.open\(|\bimread", path.read_text(encoding="utf-8"))
    }
    # The page about finished runs shows PNG files that dagen drew.
    assert readers == {"datasets/reading/images.py", "visualization/page/pictures.py"}


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("part", [0.0, 0.05, 0.5, 0.9])
def test_truncated_files_name_themselves(tmp_path: Path, kind: str, part: float) -> None:
    content = _bytes(kind)
    path = tmp_path / "cut.img"
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(DataError, match=r"cut\.img"):
        read_image(path)


@FUZZ
@given(
    kind=st.sampled_from(["JPEG", "PNG", "TIFF", "BMP", "WEBP"]),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1),
)
def test_spoilt_bytes_give_an_image_or_a_clear_error(
    tmp_path: Path, kind: str, changes: list[tuple[float, int]]
) -> None:
    content = bytearray(_bytes(kind))
    for place, value in changes:
        content[int(place * len(content))] = value
    path = tmp_path / "spoilt.img"
    path.write_bytes(content)
    for read in (read_image, image_size):
        try:
            read(path)
        except DataError as error:
            assert "spoilt.img" in str(error) and "\n" not in str(error)


def test_missing(tmp_path: Path) -> None:
    for read in (read_image, image_size):
        with pytest.raises(DataError, match=r"no.jpg is missing"):
            read(tmp_path / "no.jpg")
