"""Networks whose answers are known without training, and pictures to show them."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from dagen.models.base import Network
from dagen.types import SegOut, Task, View
from dagen.validators.base import Evidence, Probes

SIZE = (24, 32)


class Painter(Network):
    """Answers ``paint(image)`` as logits, and the image itself as features."""

    stride = 1
    multiple = 1

    def __init__(self, paint: Callable[[Tensor], Tensor], num_classes: int = 2) -> None:
        super().__init__(num_classes)
        self.paint = paint
        self.head = nn.Conv2d(3, num_classes, 1)
        self.seen = 0

    def forward(self, image: Tensor) -> SegOut:
        self.seen += len(image)
        return SegOut(self.paint(image), image)


def bright(image: Tensor) -> Tensor:
    """Sees what is brighter than 0.5 as waste, and is surer the further away from that."""
    level = 12 * (image.mean(1) - 0.5)
    return torch.stack([-level, level], 1)


def constant(*logits: float) -> Callable[[Tensor], Tensor]:
    """Says the same of every pixel."""

    def paint(image: Tensor) -> Tensor:
        row = torch.tensor(logits).view(1, -1, 1, 1)
        return row.expand(len(image), -1, *image.shape[-2:]).clone()

    return paint


def litter(count: int = 6, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Dark pictures with one bright rectangle each, and their labels."""
    draw = torch.Generator().manual_seed(seed)
    image = 0.1 + 0.1 * torch.rand(count, 3, *SIZE, generator=draw)
    label = torch.zeros(count, *SIZE, dtype=torch.int64)
    for i in range(count):
        top, left = (int(v) for v in torch.randint(0, 14, (2,), generator=draw))
        image[i, :, top : top + 8, left : left + 10] += 0.7
        label[i, top : top + 8, left : left + 10] = 1
    return image, label


def evidence(
    paint: Callable[[Tensor], Tensor] = bright, count: int = 6, task: Task = Task.BINARY
) -> Evidence:
    """A painter before litter on both sides; the first two rows of the source are ignored."""
    image, _ = litter(count)
    ours, known = litter(count, seed=1)
    known[:, :2] = 255
    probes = Probes(task, image, View(ours, torch.arange(count), known))
    return Evidence(Painter(paint, task.num_classes), probes)
