"""Masks with a colour for each class: what they mean, and what is said where that is not clear."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from dagen.datasets.reading.colour_masks import Colours
from dagen.datasets.reading.masks import read_mask
from dagen.errors import DataError

BLACK, RED, BLUE, GREY = (0, 0, 0), (255, 0, 0), (0, 0, 255), (128, 128, 128)
MEANING = {0x000000: 0, 0xFF0000: 1, 0x0000FF: 2, 0x808080: 3}
IDS = np.array([[0, 1, 2], [2, 1, 3]], np.uint8)
RGB = np.array([BLACK, RED, BLUE, GREY], np.uint8)[IDS]
ALONE, BESIDE = Colours(MEANING, alone=True), Colours(MEANING)


def _palette(indices: np.ndarray, colours: list[tuple[int, int, int]]) -> Image.Image:
    image = Image.fromarray(indices.astype(np.uint8))
    image.putpalette([value for colour in colours for value in colour])
    return image


@pytest.mark.parametrize("declared", [ALONE, BESIDE], ids=["alone", "beside ids"])
@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_colours_are_read(tmp_path: Path, declared: Colours, suffix: str) -> None:
    path = tmp_path / f"m.{suffix}"
    Image.fromarray(RGB).save(path)
    assert np.array_equal(read_mask(path, range(4), (2, 3), declared), IDS)


def test_a_palette_in_any_order_is_read_by_its_colours(tmp_path: Path) -> None:
    """Tools that save small files number the colours of each file anew."""
    order = np.array([2, 0, 3, 1])  # the index of each class
    shuffled = [BLACK] * 4
    for value, index in enumerate(order):
        shuffled[index] = [BLACK, RED, BLUE, GREY][value]
    _palette(order[IDS], shuffled).save(tmp_path / "m.png")
    assert np.array_equal(read_mask(tmp_path / "m.png", (), (2, 3), ALONE), IDS)
    # Where ids are declared too, both readings are possible, and differ: nobody may guess.
    with pytest.raises(DataError, match="by its ids and by its colours, which say different"):
        read_mask(tmp_path / "m.png", range(4), (2, 3), BESIDE)
    _palette(IDS, [BLACK, RED, BLUE, GREY]).save(tmp_path / "m.png")
    assert np.array_equal(read_mask(tmp_path / "m.png", range(4), (2, 3), BESIDE), IDS)


def test_grey_pictures_count_as_colours_only_where_colours_alone_are_declared(
    tmp_path: Path,
) -> None:
    Image.fromarray(np.array([[0, 128], [128, 0]], np.uint8)).save(tmp_path / "m.png")
    expected = [[0, 3], [3, 0]]
    assert read_mask(tmp_path / "m.png", (), (2, 2), ALONE).tolist() == expected
    with pytest.raises(DataError, match="holds the unknown id 128"):
        read_mask(tmp_path / "m.png", range(4), (2, 2), BESIDE)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA"])
@pytest.mark.parametrize("declared", [Colours(), BESIDE], ids=["no colours", "colours"])
def test_three_equal_channels_are_ids(tmp_path: Path, mode: str, declared: Colours) -> None:
    ids = np.array([[0, 1, 2], [255, 4, 3]], np.uint8)
    Image.fromarray(ids).convert(mode).save(tmp_path / "m.png")
    assert np.array_equal(read_mask(tmp_path / "m.png", range(5), (2, 3), declared), ids)
    Image.fromarray(ids + 20).convert(mode).save(tmp_path / "m.png")
    with pytest.raises(DataError, match="holds the unknown id 19, 20, 21, 22, 23"):
        read_mask(tmp_path / "m.png", range(5), (2, 3), declared)


def test_colours_that_are_not_declared_are_one_line(tmp_path: Path) -> None:
    strange = RGB.copy()
    strange[0, 0], strange[1] = (254, 1, 3), (9, 9, 8)
    Image.fromarray(strange).save(tmp_path / "m.png")
    for declared in (ALONE, BESIDE):
        with pytest.raises(DataError) as error:
            read_mask(tmp_path / "m.png", range(4), (3, 3), declared)
        text = str(error.value)
        assert "\n" not in text and str(tmp_path / "m.png") in text
        assert "is 3x2 (W x H), but its image is 3x3" in text  # all that is wrong, at once
        assert "2 colour(s) that dagen.toml does not declare" in text
        assert "#090908 (3 pixels), #FE0103 (1 pixels); declared: #000000, #FF0000" in text


def test_masks_that_became_jpeg_have_blurred_colours(tmp_path: Path) -> None:
    large = RGB.repeat(9, 0).repeat(9, 1)
    Image.fromarray(large).save(tmp_path / "m.jpg", quality=95)
    with pytest.raises(DataError) as error:
        read_mask(tmp_path / "m.jpg", (), large.shape[:2], ALONE)
    for part in ("colour(s) that dagen.toml does not declare, #", " pixels)", "is a JPEG file"):
        assert part in str(error.value)
    Image.new("RGB", (4, 4)).save(tmp_path / "m.jpg")  # by chance nothing is blurred
    with pytest.raises(DataError, match="is a JPEG file"):
        read_mask(tmp_path / "m.jpg", (), (4, 4), ALONE)


def test_what_is_partly_transparent_is_refused(tmp_path: Path) -> None:
    opaque = np.dstack([RGB, np.full((2, 3), 255, np.uint8)])
    Image.fromarray(opaque).save(tmp_path / "m.png")
    assert np.array_equal(read_mask(tmp_path / "m.png", (), (2, 3), ALONE), IDS)
    for value in (254, 0):
        opaque[0, 1:, 3] = value
        Image.fromarray(opaque).save(tmp_path / "m.png")
        with pytest.raises(DataError, match="not opaque in 2 of 6 pixels"):
            read_mask(tmp_path / "m.png", (), (2, 3), ALONE)
    Image.fromarray(RGB).save(tmp_path / "m.png", transparency=RED)
    with pytest.raises(DataError, match="not opaque in 2 of 6 pixels"):
        read_mask(tmp_path / "m.png", (), (2, 3), ALONE)


def test_colours_of_16_bits_are_refused_because_ids_would_vanish(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "m.png"), np.ones((2, 3, 3), np.uint16))
    with pytest.raises(DataError, match="has 16 bits a channel: save it with 8"):
        read_mask(tmp_path / "m.png", range(2), (2, 3))
