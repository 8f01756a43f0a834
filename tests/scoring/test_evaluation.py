from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dagen.datasets.base import Dataset
from dagen.scoring.evaluation import evaluate, probabilities
from dagen.types import SegOut, Task


class Brightness(nn.Module):
    """Calls waste what is bright, at stride 4: a network whose scores are known."""

    multiple = 4

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(100.0))

    def forward(self, image: Tensor) -> SegOut:
        small = nn.functional.avg_pool2d(image.mean(1, keepdim=True), 4)
        waste = self.scale * (small - 0.5)
        return SegOut(torch.cat([-waste, waste], 1), small)


class Halves(Dataset):
    """Left dark, right bright; the label says so, but for a stripe that is wrong or ignored."""

    def __init__(self, stripe: int) -> None:
        super().__init__(Path(), "val", Task.BINARY)
        self.stripe = stripe

    def __len__(self) -> int:
        return 3

    def image(self, index: int) -> np.ndarray:
        image = np.zeros((32, 64, 3), np.uint8)
        image[:, 32:] = 255
        return image

    def label(self, index: int) -> np.ndarray:
        label = np.zeros((32, 64), np.uint8)
        label[:, 32:] = 1
        label[:8, :32] = self.stripe
        return label


def test_a_perfect_network_scores_one() -> None:
    scores = evaluate(Brightness(), Halves(stripe=0), (32, 64)).to_dict()
    assert scores["waste_iou"] == pytest.approx(1)
    assert scores["miou"] == pytest.approx(1)


def test_ignored_pixels_do_not_count_and_wrong_ones_do() -> None:
    assert evaluate(Brightness(), Halves(255), (32, 64)).waste_iou == pytest.approx(1)
    missed = evaluate(Brightness(), Halves(1), (32, 64)).waste_iou
    assert missed == pytest.approx(32 * 32 / (32 * 32 + 8 * 32))


def test_probabilities_have_the_images_own_size() -> None:
    image = Halves(0).image(0)[:30, :50]
    found = probabilities(Brightness(), np.ascontiguousarray(image), (16, 16))
    assert found.shape == (2, 30, 50)
    assert torch.allclose(found.sum(0), torch.ones(30, 50))


def test_progress_is_told_of_each_image() -> None:
    seen: list[int] = []
    evaluate(Brightness(), Halves(0), (16, 16), on_image=lambda: seen.append(1))
    assert len(seen) == 3
