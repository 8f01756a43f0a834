"""A grainier camera, and training whose every step ends somewhere else: what averages mend.

Small batches, wrong labels and a high rate. The gap to the grainy target closes for a mean of
late weights and not for any of them.
"""

import torch
from torch import Tensor, nn

from dagen.models.base import Network
from dagen.types import Batch, SegOut, View
from tests.methods.cast import by_cell
from tests.toy import setting, stacked

STEPS = 400


class Linear(Network):
    """One convolution, so that the average of weights is the average of answers."""

    stride = 4
    multiple = 4

    def __init__(self) -> None:
        super().__init__(2)
        self.head = nn.Conv2d(3, 2, 4, 4)

    def forward(self, image: Tensor) -> SegOut:
        pixels = self.normalise(image)
        return SegOut(self.head(pixels), pixels)


def late_and_average(name: str, seed: int, **config: object) -> tuple[float, float]:
    """IoU on the target: of the student, mean over late steps, and of what the part predicts."""
    torch.manual_seed(seed)
    stack = stacked(Linear(), [name], {name: config}, setting(steps=STEPS)).train()
    optimizer = torch.optim.SGD(stack.student.parameters(), lr=0.6)
    draw, late = torch.Generator().manual_seed(seed), []
    for step in range(STEPS):
        image, label = _squares(draw, 1, grain=0.4)
        wrong = by_cell((torch.rand(1, 8, 8, generator=draw) < 0.3).long())
        losses, _ = stack(Batch(View(image, torch.tensor([step]), label ^ wrong)), step)
        losses["supervised/main"].backward()
        optimizer.step()
        optimizer.zero_grad()
        stack.after_step(step)
        if step >= STEPS // 2 and step % 10 == 9:  # as if training had ended here
            late.append(_target_iou(stack.student))
    return sum(late) / len(late), _target_iou(stack.predictor())


def _squares(draw: torch.Generator, count: int, grain: float) -> tuple[Tensor, Tensor]:
    """Squares a little brighter than the ground, as a camera with so much noise sees them."""
    label = by_cell((torch.rand(count, 8, 8, generator=draw) < 0.4).long())
    noise = grain * torch.randn(count, 3, 32, 32, generator=draw)
    return torch.where(label.bool(), 0.6, 0.3)[:, None] + noise, label


def _target_iou(network: nn.Module) -> float:
    image, label = _squares(torch.Generator().manual_seed(99), 16, grain=0.6)
    with torch.no_grad():
        found = by_cell(network(image).logits.argmax(1))
    return float((found & label).sum() / (found | label).sum())
