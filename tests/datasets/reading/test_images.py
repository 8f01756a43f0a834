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


@pytest.mark.parametrize("name", ["x.png", "x.tif", "grey.tif", "deep.tif", "deep.png", "x.webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_upright(tmp_path: Path, orientation: int, name: str) -> None:
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
    path = tmp_path / name
    one = stored if name.startswith("x") else stored[..., 0]
    deep = one.astype(np.uint16) * 257 if name.startswith("deep") else one
    options = {"lossless": True} if path.suffix == ".webp" else {}
    Image.fromarray(np.ascontiguousarray(deep)).save(path, exif=exif, **options)
    shown = PIXELS if one.ndim == 3 else np.repeat(PIXELS[..., :1], 3, axis=2)
    assert np.array_equal(read_image(path), shown)
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
def test_sixteen_bits_are_read_as_the_upper_eight(tmp_path: Path, name: str, channels: int) -> None:
    shown = np.concatenate([PIXELS, PIXELS[..., :1]], axis=2)[..., :channels]
    low = np.random.default_rng(1).integers(0, 256, shown.shape)
    for deep in (shown.astype(np.uint16) * 257, shown.astype(np.uint16) * 256 + low):
        assert cv2.imwrite(str(tmp_path / name), deep.astype(np.uint16))
        expected = np.repeat(shown, 3, axis=2) if channels == 1 else shown[..., 2::-1]
        assert np.array_equal(read_image(tmp_path / name), expected)
        assert image_size(tmp_path / name) == (6, 9)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("largest", [255, 4095])
def test_few_of_sixteen_bits_would_be_black(tmp_path: Path, channels: int, largest: int) -> None:
    deep = np.full((6, 9, channels), largest, np.uint16)
    assert cv2.imwrite(str(tmp_path / "x.png"), deep)
    with pytest.raises(DataError, match=r"x\.png has 16 bits .* no value of 4,096") as got:
        read_image(tmp_path / "x.png")
    assert "\n" not in str(got.value)


def test_a_turned_picture_of_sixteen_bits(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = Image.fromarray(np.rot90(PIXELS[..., 0].astype(np.uint16) * 257).copy())
    deep.save(tmp_path / "x.png", exif=exif)
    assert np.array_equal(read_image(tmp_path / "x.png")[..., 0], PIXELS[..., 0])


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_numbers_of_unknown_range_are_refused(tmp_path: Path, kind: type) -> None:
    Image.fromarray(PIXELS[..., 0].astype(kind)).save(tmp_path / "x.tif")
    with pytest.raises(DataError, match=r"x\.tif holds floating-point or 32-bit numbers.*8 bits"):
        read_image(tmp_path / "x.tif")


@pytest.mark.parametrize("size", [(12_000, 12_000), (14_000, 13_500)])
def test_huge_pictures_are_refused_before_they_are_decoded(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    Image.new("1", size).save(tmp_path / "x.png")
    for read in (read_image, image_size):
        with pytest.raises(DataError, match=r"x\.png has more than 134 megapixels.*scale it down"):
            read(tmp_path / "x.png")


def test_heic_files_are_named_under_any_suffix(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    with pytest.raises(DataError, match=r"x\.jpg is a HEIC file, which is not read: save it as"):
        read_image(tmp_path / "x.jpg")


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
