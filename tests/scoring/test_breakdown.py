"""The parts of a score, against sums over pixels and objects by hand."""

from pathlib import Path

import numpy as np
import pytest

from dagen.datasets.base import Dataset
from dagen.scoring.breakdown import UNTAGGED, break_down
from dagen.scoring.evaluation import evaluate
from dagen.types import IGNORE, Image, Label, Task

SHAPE = (100, 100)


class _Photographs(Dataset):
    """Three photographs: a big and a small object, one object half ignored, and an empty one."""

    tags: tuple[str | None, ...] = ("street", "street", "lawn")

    def __init__(self) -> None:
        super().__init__(Path("."), "val", Task.BINARY)

    def __len__(self) -> int:
        return 3

    def name(self, index: int) -> str:
        return f"{index}"

    def image(self, index: int) -> Image:
        return np.full((*SHAPE, 3), index, np.uint8)

    def label(self, index: int) -> Label:
        label = np.zeros(SHAPE, np.uint8)
        if index == 0:
            label[10:50, 10:50] = 1  # 16 % of the photograph
            label[80:82, 80:82] = 1  # 0.04 %
        if index == 1:
            label[:20, :20] = 1
            label[:20, 10:20] = IGNORE  # 2 % are left
        return label

    def scene(self, index: int) -> str | None:
        return self.tags[index]


def _predictor(image: Image) -> np.ndarray:
    """Finds the left half of the large object, nothing of the small one, and a false alarm."""
    found = np.zeros(SHAPE, np.float32)
    if image[0, 0, 0] == 0:
        found[10:50, 10:30] = 1
    if image[0, 0, 0] == 1:
        found[:20, :20] = 1
    if image[0, 0, 0] == 2:
        found[0, :50] = 1
    return np.stack([1 - found, found])


def test_the_parts_are_those_of_the_score() -> None:
    dataset = _Photographs()
    found = break_down(_predictor, dataset)  # type: ignore[arg-type]
    inside, missed, alarms = 800 + 200, 800 + 4, 50
    background = 10_000 * 3 - 1604 - 400
    assert found.confusion == [[background - alarms, alarms], [missed, inside]]
    whole = evaluate(_predictor, dataset)  # type: ignore[arg-type]
    assert found.confusion == whole.confusion.tolist()
    assert found.sizes == {
        "< 0.1 %": {"objects": 1, "found": 0.0, "right": 0.0},
        "2–8 %": {"objects": 1, "found": 1.0, "right": 1.0},
        "> 8 %": {"objects": 1, "found": 0.5, "right": 0.5},
    }
    assert list(found.scenes) == ["street", "lawn"]
    assert found.scenes["street"]["images"] == 2
    assert found.scenes["street"]["waste_iou"] == pytest.approx(inside / (inside + missed))
    assert found.scenes["lawn"]["waste_iou"] == 0.0


def test_a_data_set_without_tags_has_no_scenes() -> None:
    dataset = _Photographs()
    dataset.tags = (None, None, None)
    assert break_down(_predictor, dataset).scenes == {}  # type: ignore[arg-type]
    dataset.tags = (None, "lawn", None)
    assert list(break_down(_predictor, dataset).scenes) == [UNTAGGED, "lawn"]  # type: ignore[arg-type]
