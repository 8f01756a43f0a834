"""A domain shift so small that its gap closes in a second: dark ground, bright squares.

The network has no batch norm, whose statistics alone would close the gap. It knows the source
perfectly before a strategy starts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from dagen.engine.stack import Stack
from dagen.models.base import Network
from dagen.scoring.metrics import Scores
from dagen.types import Batch, SegOut, Task, View
from tests.toy import setting, stacked

SIZE, CELL = 16, 4


class PlainNetwork(Network):
    """A ToyNetwork without batch norm."""

    stride = 4
    multiple = 4
    taps = ("stem",)

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.ReLU())
        self.head = nn.Conv2d(8, num_classes, 1)

    def forward(self, image: Tensor) -> SegOut:
        features = self.stem(self.normalise(image))
        return SegOut(self.head(features), features)


@dataclass(frozen=True)
class Drift:
    """What happens to the colours of the target.

    Attributes:
        brighter: added to every channel. The ground moves across the network's border, while
            the number of squares says where it should be.
        red: standard deviation of noise on the red channel, alike within a cell. The network
            trusts red most; green and blue still separate the classes without an error.
        light: standard deviation of every image's brightness, in the source too.
        grain: standard deviation of noise on every pixel.
    """

    brighter: float = 0.0
    red: float = 0.0
    light: float = 0.0
    grain: float = 0.0


BRIGHTER = Drift(brighter=0.2)
RED = Drift(red=0.12)


def views(seed: int, drift: Drift, count: int = 16) -> tuple[Batch, Tensor]:
    """Source and target images of different scenes, and the target's labels to score with."""
    draw = torch.Generator().manual_seed(seed)
    index = torch.arange(count)
    source, source_label = _scenes(draw, count)
    target, target_label = _scenes(draw, count)
    if drift.light > 0:
        light = torch.randn(2, count, 1, 1, 1, generator=draw) * drift.light
        source, target = (source + light[0]).clamp(0, 1), target + light[1]
    target = (target + drift.brighter).clamp(0, 1)
    if drift.grain > 0:
        target += torch.randn(target.shape, generator=draw) * drift.grain
    target[:, 0] += (
        _by_cell(torch.randn(count, SIZE // CELL, SIZE // CELL, generator=draw)) * drift.red
    )
    return Batch(View(source, index, source_label), View(target, index)), target_label


def _by_cell(values: Tensor) -> Tensor:
    """(B, SIZE, SIZE) from one value for each cell."""
    return values.repeat_interleave(CELL, 1).repeat_interleave(CELL, 2)


def _scenes(draw: torch.Generator, count: int) -> tuple[Tensor, Tensor]:
    cells = (count, SIZE // CELL, SIZE // CELL)
    label = _by_cell(torch.rand(cells, generator=draw) < 0.25).long()
    ground, litter = torch.tensor([0.2, 0.25, 0.2]), torch.tensor([0.7, 0.5, 0.45])
    colour = torch.where(label[..., None].bool(), litter, ground)
    noise = torch.randn(count, SIZE, SIZE, 3, generator=draw) * 0.05
    shade = _by_cell(torch.randn(cells, generator=draw))[..., None] * 0.06
    return (colour + noise + shade).clamp(0, 1).movedim(-1, 1), label


def train(
    names: Sequence[str],
    configs: dict[str, dict[str, Any]],
    drift: Drift,
    *,
    steps: int = 60,
    network: Network | None = None,
) -> Stack:
    """A stack after ``steps`` steps, from a network that knows the source."""
    size = setting(steps=steps, size=(SIZE, SIZE))
    stack = stacked(network or known(), names, configs, size)
    optimizers = [torch.optim.Adam(stack.student.parameters(), lr=0.01), *stack.optimizers()]
    stack.train()
    for step in range(steps):
        batch, _ = views(1000 + step, drift)
        if "target" not in stack.declared.streams:
            batch = replace(batch, target=None)
        losses, _ = stack(batch, step)
        torch.stack(list(losses.values())).sum().backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        stack.after_step(step)
    return stack


def known() -> Network:
    """A copy of a network that was trained on the source alone."""
    network = PlainNetwork(2)
    network.load_state_dict(_trained())
    return network


@cache
def _trained() -> dict[str, Tensor]:
    torch.manual_seed(0)
    stack = train(["supervised"], {}, Drift(), network=PlainNetwork(2))
    return {key: value.clone() for key, value in stack.student.state_dict().items()}


@torch.no_grad()
def score(network: nn.Module, drift: Drift) -> float:
    """Waste IoU on held-out target images."""
    batch, label = views(7, drift, count=64)
    assert batch.target is not None
    probability = network.eval()(batch.target.image).logits.softmax(1)
    probability = probability.repeat_interleave(CELL, 2).repeat_interleave(CELL, 3)
    scores = Scores(Task.BINARY)
    for one, truth in zip(probability, label, strict=True):
        scores.update(one, truth)
    return scores.waste_iou


@cache
def source_only(drift: Drift) -> float:
    """The score of as many more steps on the source alone."""
    return score(train(["supervised"], {}, drift).predictor(), drift)


def gap_closed(name: str, drift: Drift, **config: Any) -> float:
    """Share of the way from source-only to a faultless score that a strategy goes."""
    before = source_only(drift)
    assert before < 0.75, "the shift opens no gap"
    after = score(train([name], {name: config}, drift).predictor(), drift)
    return (after - before) / (1 - before)
