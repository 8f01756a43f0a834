"""Sheets have the size that their parts add up to, and show what they were given."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dagen.errors import UsageError
from dagen.scoring.overlay import HATCH
from dagen.scoring.sheets import grid, laid_out, sheet
from dagen.types import IGNORE, Task

TASK = Task.MATERIAL


def _row(height: int, width: int, labels: int) -> tuple[np.ndarray, list[np.ndarray]]:
    label = np.zeros((height, width), np.uint8)
    label[: height // 2] = 3
    return np.full((height, width, 3), 90, np.uint8), [label] * labels


def test_a_sheet_has_the_size_of_its_parts(tmp_path: Path) -> None:
    rows = [_row(30, 40, 2), _row(40, 30, 2)]
    path = tmp_path / "sheet.png"
    sheet(rows, ["image", "truth", "adapted"], "resortit -> taco", path, TASK, cell=200)
    with Image.open(path) as picture:
        assert picture.format == "PNG" and picture.mode == "RGB"
        # 3 columns of 200, two gaps of 8, two margins of 16.
        assert picture.width == 3 * 200 + 2 * 8 + 2 * 16
        # margins, titles, rows of 150 and 200 with a gap each, legend and gap, one line.
        assert picture.height == 32 + 31 + 150 + 200 + 16 + (24 + 8) + 21
        pixels = np.asarray(picture)
    # The middle of the first image, and of the upper half of its first label.
    assert pixels[16 + 31 + 75, 16 + 100].tolist() == [90, 90, 90]
    blend = np.rint(90 * 0.55 + np.array([0, 158, 115]) * 0.45)
    assert pixels[16 + 31 + 37, 16 + 200 + 8 + 100].tolist() == blend.tolist()
    assert list(tmp_path.iterdir()) == [path]


def test_the_legend_names_ignored_pixels_only_where_there_are_some(tmp_path: Path) -> None:
    image, (label,) = _row(20, 20, 1)
    ignoring = label.copy()
    ignoring[-6:] = IGNORE
    found = []
    for k, given in enumerate((label, ignoring)):
        sheet([(image, [given])], ["", ""], "", tmp_path / f"{k}.png", TASK, cell=300)
        with Image.open(tmp_path / f"{k}.png") as picture:
            below = np.asarray(picture)[16 + 300 :].reshape(-1, 3).tolist()
        found.append(list(HATCH[0]) in below)
    assert found == [False, True]


def test_labels_are_laid_on_at_the_size_of_the_sheet() -> None:
    image, (label,) = _row(8, 16, 1)
    plain, marked = laid_out(image, [label], TASK, cell=64)
    assert plain.shape == marked.shape == (32, 64, 3)
    outline = (marked == (0, 158, 115)).all(axis=2)
    assert outline.any(axis=1).sum() == 1  # one pixel thin, though labels grew fourfold


def test_pictures_of_one_column_are_centred() -> None:
    red = np.full((10, 20, 3), (255, 0, 0), np.uint8)
    tall = np.full((20, 10, 3), (0, 0, 255), np.uint8)
    page = np.asarray(grid([[red], [tall]], [""], "", cell=100))
    blue = np.nonzero((page == (0, 0, 255)).all(axis=2))
    assert (blue[1].min(), blue[1].max()) == (16 + 25, 16 + 74)
    assert page.shape == (32 + 50 + 100 + 16, 132, 3)


def test_a_long_caption_is_broken_and_a_long_title_shrinks() -> None:
    row = [np.zeros((20, 20, 3), np.uint8)]
    short = grid([row], ["truth"], "one", cell=150)
    long = grid([row], ["a title that is far too long"], "many words " * 12, cell=150)
    assert long.width == short.width
    assert long.height >= short.height + 4 * 21
    assert np.asarray(long)[:, -8:].min() == 255  # nothing runs over the margin


@pytest.mark.parametrize("rows", [[], [[np.zeros((4, 4, 3), np.uint8)] * 2]])
def test_rows_must_fit_their_titles(rows: list[list[np.ndarray]]) -> None:
    with pytest.raises(UsageError, match="as many images as titles"):
        grid(rows, ["image", "truth", "adapted"], "")
