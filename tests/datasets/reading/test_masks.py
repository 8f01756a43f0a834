from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from dagen.datasets.reading.masks import MaskFolder, read_mask
from dagen.errors import DataError
from tests.own import grey_png

PIXELS = np.random.default_rng(0).integers(0, 256, size=(6, 9, 3), dtype=np.uint8)
IDS = np.array([[0, 1, 2], [255, 4, 3]], dtype=np.uint8)


def test_masks_keep_their_ids(tmp_path: Path) -> None:
    grey, palette = tmp_path / "grey.png", tmp_path / "palette.png"
    Image.fromarray(IDS).save(grey)
    coloured = Image.fromarray(IDS)
    coloured.putpalette([7] * 768)  # the colours say nothing, the indices count
    coloured.save(palette)
    assert Image.open(palette).mode == "P"
    for path in (grey, palette):
        assert np.array_equal(read_mask(path, range(5), (2, 3)), IDS)


def test_masks_that_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    Image.fromarray(IDS).save(path)
    with pytest.raises(DataError, match=r"mask\.png.*unknown id 2, 3, 4; allowed: 0, 1 and 255"):
        read_mask(path, range(2), (2, 3))
    with pytest.raises(DataError, match=r"unknown id 2, 3, 4; allowed: 0, 1 and 255\.$"):
        read_mask(path, [0, 1, 255], (2, 3))  # 255 is a class here, so it is not ignored
    with pytest.raises(DataError, match=r"mask\.png is 3x2 .*image is 2x3"):
        read_mask(path, range(5), (3, 2))
    Image.fromarray(PIXELS).save(path)
    with pytest.raises(DataError, match=r"mask\.png is a picture in colours, #.* and 49 more"):
        read_mask(path, range(5), (6, 9))
    path.write_bytes(path.read_bytes()[:70])
    with pytest.raises(DataError, match=r"mask\.png"):
        read_mask(path, range(5), (6, 9))


def test_a_missing_mask(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"mask .*no.png is missing"):
        read_mask(tmp_path / "no.png", range(2), (6, 9))


def test_everything_wrong_with_a_mask_is_told_at_once(tmp_path: Path) -> None:
    Image.fromarray(IDS).save(tmp_path / "mask.png")
    with pytest.raises(DataError, match=r"is 3x2 .*; it holds the unknown id 2, 3, 4; allowed: 0"):
        read_mask(tmp_path / "mask.png", range(2), (3, 2))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_masks_of_sixteen_bits_keep_their_ids(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mask.{suffix}"
    assert cv2.imwrite(str(path), IDS.astype(np.uint16))
    assert np.array_equal(read_mask(path, range(5), (2, 3)), IDS)
    assert cv2.imwrite(str(path), IDS.astype(np.uint16) * 257)
    with pytest.raises(DataError, match="holds the unknown id 257, 514, 771, 1028, 65535"):
        read_mask(path, range(5), (2, 3))


def test_masks_of_32_bits_and_of_one_bit_keep_their_ids(tmp_path: Path) -> None:
    Image.fromarray(IDS.astype(np.int32)).save(tmp_path / "deep.tif")
    assert np.array_equal(read_mask(tmp_path / "deep.tif", range(5), (2, 3)), IDS)
    Image.fromarray(IDS == 1).save(tmp_path / "bits.png")
    assert np.array_equal(read_mask(tmp_path / "bits.png", range(2), (2, 3)), IDS == 1)


@pytest.mark.parametrize("bits", [2, 4])
def test_grey_of_few_bits_keeps_its_ids(tmp_path: Path, bits: int) -> None:
    """PNG stores small ids in 2 or 4 bits, which Pillow stretches to the range of 8 bits."""
    ids = np.array([[0, 1, 2, 3]], np.uint8)
    path = tmp_path / "mask.png"
    path.write_bytes(grey_png(ids, bits))
    with Image.open(path) as image:
        assert image.mode == "L" and np.array(image)[0, 3] in (255, 51)
    assert np.array_equal(read_mask(path, range(4), (1, 4)), ids)


@pytest.mark.parametrize("name", ["mask.jpg", "mask.png"])
def test_jpeg_masks_are_refused_whatever_they_are_called(tmp_path: Path, name: str) -> None:
    Image.fromarray(IDS).save(tmp_path / name, "JPEG", quality=100)
    with pytest.raises(DataError, match=r"mask\..* is a JPEG file, which changes ids"):
        read_mask(tmp_path / name, range(5), (2, 3))


def test_masks_are_found_in_any_spelling(tmp_path: Path) -> None:
    for name in ("a.PNG", "siteB/a.png", "b.Tif", "c.jpg", "mu\u0308ll.png", "d.png", "d.bmp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = MaskFolder(tmp_path)
    for image, mask in {
        "a.jpg": "a.PNG",
        "siteB/a.JPG": "siteB/a.png",
        "b.png": "b.Tif",
        "c.png": "c.jpg",  # to be refused as a JPEG, not called missing
        "m\u00fcll.jpg": "mu\u0308ll.png",
        "e.jpg": "e.png",
    }.items():
        assert found.mask_of(image) == tmp_path / mask
    with pytest.raises(DataError, match=r"d\.jpg has 2 masks in .*: keep one"):
        found.mask_of("d.jpg")


BLOCK = np.kron(np.eye(2, dtype=np.uint8) * 4, np.ones((16, 16), np.uint8))


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("mask.webp", {"format": "WEBP", "quality": 80}, "a lossy WebP file"),
        ("mask.png", {"format": "WEBP", "quality": 95, "exif": b"Exif\0\0"}, "a lossy WebP file"),
        ("mask.tif", {"compression": "jpeg"}, "a TIFF file with JPEG compression"),
    ],
)
def test_lossy_files_are_known_by_their_content(
    tmp_path: Path, name: str, options: dict[str, Any], told: str
) -> None:
    path = tmp_path / name
    Image.fromarray(np.dstack([BLOCK] * 3)).save(path, **options)
    with pytest.raises(DataError, match=f"{name} is {told}, which changes ids"):
        read_mask(path, range(5), BLOCK.shape)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mask.webp", {"lossless": True}),
        ("mask.png", {"format": "WEBP", "lossless": True, "exif": b"Exif\0\0"}),
        ("mask.tif", {"compression": "tiff_lzw"}),
    ],
)
def test_lossless_files_keep_their_ids(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    path = tmp_path / name
    Image.fromarray(np.dstack([BLOCK] * 3)).save(path, **options)
    assert np.array_equal(read_mask(path, range(5), BLOCK.shape), BLOCK)


@pytest.mark.parametrize("name", ["mask.png", "mask.tif"])
@pytest.mark.parametrize("palette", [False, True], ids=["grey", "palette"])
def test_a_mask_is_turned_upright_as_its_image_is(tmp_path: Path, palette: bool, name: str) -> None:
    mask, exif = Image.fromarray(IDS), Image.Exif()
    exif[0x0112] = 6  # what is stored must be turned to the right
    if palette:
        mask.putpalette([7] * 768)
    mask.save(tmp_path / name, exif=exif)
    assert np.array_equal(read_mask(tmp_path / name, range(5), (3, 2)), np.rot90(IDS, -1))
