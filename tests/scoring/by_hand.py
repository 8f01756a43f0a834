"""A data set and two predictors whose scores are known: one of PyTorch, one of NumPy alone."""

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from dagen.datasets.base import Dataset, Image, Label
from dagen.models.base import Network
from dagen.scoring.predictor import Probabilities
from dagen.types import SegOut, Task


class Brightness(Network):
    """Calls waste what is bright, at stride 4."""

    stride = 4
    multiple = 4

    def __init__(self) -> None:
        super().__init__(num_classes=2)
        self.scale = nn.Parameter(torch.tensor(100.0))

    def forward(self, image: Tensor) -> SegOut:
        small = nn.functional.avg_pool2d(image.mean(1, keepdim=True), 4)
        waste = self.scale * (small - 0.5)
        return SegOut(torch.cat([-waste, waste], 1), small)


class Runtime:
    """The same without a network: what an exported file's runtime would be."""

    name = "brightness"
    task = Task.BINARY
    size = (16, 16)
    bytes = None

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, image: Image) -> Probabilities:
        self.calls += 1
        grey = image.astype(np.float32).mean(2) / 255
        small = cv2.resize(grey, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        bright = cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR) > 0.5
        return np.stack([~bright, bright]).astype(np.float32)


class Halves(Dataset):
    """Left dark, right bright; the label says so, but for a stripe that is wrong or ignored."""

    def __init__(self, stripe: int = 0) -> None:
        super().__init__(Path(), "val", Task.BINARY)
        self.stripe = stripe

    def __len__(self) -> int:
        return 3

    def image(self, index: int) -> Image:
        image = np.zeros((32, 64, 3), np.uint8)
        image[:, 32:] = 255
        return image

    def label(self, index: int) -> Label:
        label = np.zeros((32, 64), np.uint8)
        label[:, 32:] = 1
        label[:8, :32] = self.stripe
        return label
