"""Run lengths against a count of the mask, and their compressed form against pycocotools."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagen.datasets.reading.run_lengths import decompress, fill_runs, runs_area
from tests.fuzz import FUZZ


@FUZZ
@given(st.integers(1, 7), st.integers(1, 7), st.randoms(use_true_random=False))
def test_runs_are_the_inverse_of_counting(height: int, width: int, draw) -> None:  # type: ignore[no-untyped-def]
    mask = np.array([[draw.randint(0, 1) for _ in range(width)] for _ in range(height)])
    counts, last = [0], 0
    for column in range(width):
        for row in range(height):
            if mask[row, column] != last:
                counts.append(0)
                last = mask[row, column]
            counts[-1] += 1
    canvas = np.zeros((height, width), dtype=np.uint8)
    fill_runs(canvas, counts, 9)
    assert np.array_equal(canvas, mask * 9)
    assert runs_area(counts) == mask.sum()


@FUZZ
@given(st.lists(st.integers(-3, 12), max_size=8))
def test_any_runs_are_drawn_or_refused(counts: list[int]) -> None:
    canvas = np.zeros((3, 4), dtype=np.uint8)
    try:
        fill_runs(canvas, counts, 1)
    except ValueError:
        assert sum(counts) != 12 or min(counts) < 0
        assert not canvas.any()
    else:
        assert canvas.sum() == runs_area(counts)


# What pycocotools 2.0.11 writes for masks of these run lengths.
COMPRESSED = {
    "`P1`0`100000000000000000000000000000`o1": [1040, *[16, 48] * 15, 16, 2080],
    ";230NO0120O3": [11, 2, 3, 2, 1, 1, 1, 2, 3, 2, 2, 5],
    "0`0": [0, 16],
    "`0": [16],
    r"ldU9\9le00000000o\o8_e0WbU3": [300700, *[300, 700] * 4, 300, 295003, 987, 399010],
}


@pytest.mark.parametrize(("text", "counts"), [*COMPRESSED.items()])
def test_compressed_run_lengths(text: str, counts: list[int]) -> None:
    assert decompress(text) == counts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("`P1`", "cut off"),
        ("`P1 0", "at the character ' '"),
        ("`P1\u00fc", "at the character"),
        ("`P1@P1", "run 2 has the length -16"),
        ("o" * 30 + "0", "at the character 'o'"),
    ],
)
def test_damaged_compressed_run_lengths(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decompress(text)


@FUZZ
@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    canvas = np.zeros((4, 5), np.uint8)
    try:
        counts = decompress(text)
        assert min(counts, default=0) >= 0
        fill_runs(canvas, counts, 1)
    except ValueError:
        assert not canvas.any()
