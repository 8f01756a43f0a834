"""The starter code's metric and geometry, and by how much they flatter."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from dagen.datasets.base import Dataset
from dagen.scoring.evaluation import evaluate
from dagen.scoring.starter import StarterGeometry, cut, starter_scores
from dagen.types import Image, Label, Task

PAGE = Path(__file__).parents[2] / "docs" / "course.md"


class Belt(Dataset):
    """Four images of 10x10 pixels; in each, one material covers ten of the hundred."""

    def __init__(self) -> None:
        super().__init__(Path(), "val", Task.MATERIAL)

    def __len__(self) -> int:
        return 4

    def met(self) -> dict[str, str]:
        return {name: name for name in Task.MATERIAL.classes}

    def name(self, index: int) -> str:
        return str(index)

    def image(self, index: int) -> Image:
        return np.zeros((10, 10, 3), np.uint8)

    def label(self, index: int) -> Label:
        label = np.zeros((10, 10), np.uint8)
        label[0] = 1 + index
        return label


class Blind:
    """Calls everything background."""

    task = Task.MATERIAL

    def __call__(self, image: Image) -> np.ndarray:  # type: ignore[type-arg]
        found = np.zeros((5, *image.shape[:2]), np.float32)
        found[0] = 1
        return found


def test_a_network_that_finds_nothing_is_flattered_as_the_page_says() -> None:
    blind, belt = Blind(), Belt()
    honest = evaluate(blind, belt).to_dict()  # type: ignore[arg-type]
    shown = {size: starter_scores(blind, belt, batch=size) for size in (1, 2)}  # type: ignore[arg-type]
    # A batch of one: the background has 0.9, one material 0, three are absent and count as 1.
    assert shown[1]["starter_miou"] == pytest.approx((0.9 + 0 + 3) / 5)
    assert shown[2]["starter_miou"] == pytest.approx((0.9 + 0 + 0 + 2) / 5)
    assert shown[1]["starter_iou/paper"] == pytest.approx(0.75)
    assert honest["miou"] == pytest.approx(0.9 / 5) and honest["foreground_miou"] == 0
    text = PAGE.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (.+?) \| ([\d.]+) \|$", text, re.MULTILINE))
    for size, found in shown.items():
        wanted = pytest.approx(100 * found["starter_miou"])
        assert float(rows[f"starter metric, batches of {size}"]) == wanted
    assert float(rows["mIoU of dagen, with the background"]) == pytest.approx(100 * honest["miou"])
    assert float(rows["mean IoU of the materials"]) == 0


@pytest.mark.parametrize(("waste", "found"), [(0.55, 1.0), (0.45, 0.0)])
def test_the_answer_is_the_likelier_class_as_the_page_says(waste: float, found: float) -> None:
    class Full(Belt):
        def __init__(self) -> None:
            Dataset.__init__(self, Path(), "val", Task.BINARY)

        def label(self, index: int) -> Label:
            return np.ones((10, 10), np.uint8)

    class Unsure(Blind):
        task = Task.BINARY

        def __call__(self, image: Image) -> np.ndarray:  # type: ignore[type-arg]
            p = np.full((2, *image.shape[:2]), waste, np.float32)
            p[0] = 1 - waste
            return p

    scores = starter_scores(Unsure(), Full())  # type: ignore[arg-type]
    assert scores["starter_iou/waste"] == found
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert (
        f"logit is above 0.5, so where its probability is above {1 / (1 + math.exp(-0.5)):.2f}"
        in text
    )


def test_the_cut_is_the_middle_and_black_where_the_image_ends() -> None:
    square = np.full((800, 800, 3), 200, np.uint8)
    found = cut(square, 1)
    assert found.shape == (224, 448, 3)
    assert not found[:, :96].any() and not found[:, 352:].any() and (found[:, 96:352] == 200).all()
    wide = np.zeros((512, 2048), np.uint8)
    wide[:, 1024:] = 3
    label = cut(wide, 0)
    assert (label[:, :224] == 0).all() and (label[:, 224:] == 3).all()


def test_a_data_set_is_shown_so() -> None:
    found = StarterGeometry(Belt())
    assert found.image(0).shape == (224, 448, 3) and found.label(1).shape == (224, 448)
    assert list(found.labelled) == [0, 1, 2, 3] and set(np.unique(found.label(1))) <= {0, 2}
    assert evaluate(Blind(), found).to_dict()["foreground_miou"] == 0  # type: ignore[arg-type]
