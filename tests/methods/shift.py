"""A domain shift so small that its gap closes in seconds: squares whose colours drift."""

from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor, nn

from dagen.metrics import Scores
from dagen.models.base import Network
from dagen.stack import Stack
from dagen.types import Batch, SegOut, Task, View
from tests.toy import ToyNetwork, setting

SIZE, CELL = 16, 4


class PlainNetwork(Network):
    """A ToyNetwork without batch norm, which alone would close the gap."""

    stride = 4
    multiple = 4

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.ReLU())
        self.head = nn.Conv2d(8, num_classes, 1)

    def forward(self, image: Tensor) -> SegOut:
        features = self.stem(self.normalise(image))
        return SegOut(self.head(features), features)


@dataclass(frozen=True)
class Drift:
    """What the target's camera does to colours: ``gain * image + offset``."""

    gain: float = 1.0
    offset: float = 0.0


def views(seed: int, drift: Drift, count: int = 16) -> tuple[Batch, Tensor]:
    """Source and target images of different scenes, and the target's labels for scoring."""
    draw = torch.Generator().manual_seed(seed)
    index = torch.arange(count)
    source, source_label = _scenes(draw, count)
    target, target_label = _scenes(draw, count)
    target = (target * drift.gain + drift.offset).clamp(0, 1)
    return Batch(View(source, index, source_label), View(target, index)), target_label


def _scenes(draw: torch.Generator, count: int) -> tuple[Tensor, Tensor]:
    cells = torch.rand(count, SIZE // CELL, SIZE // CELL, generator=draw) < 0.25
    label = cells.repeat_interleave(CELL, 1).repeat_interleave(CELL, 2).long()
    ground, litter = torch.tensor([0.2, 0.25, 0.2]), torch.tensor([0.7, 0.5, 0.45])
    colour = torch.where(label[..., None].bool(), litter, ground)
    noise = torch.randn(count, SIZE, SIZE, 3, generator=draw) * 0.05
    shade = torch.randn(count, SIZE // CELL, SIZE // CELL, 1, generator=draw) * 0.06
    shade = shade.repeat_interleave(CELL, 1).repeat_interleave(CELL, 2)
    return (colour + noise + shade).clamp(0, 1).movedim(-1, 1), label


def train(
    names: list[str],
    configs: dict[str, dict[str, object]],
    drift: Drift,
    *,
    steps: int = 60,
    network: Network | None = None,
    batch_norm: str = "source",
    lr: float = 0.01,
) -> Stack:
    """A stack after ``steps`` steps from a network that knows the source."""
    size = setting(steps=steps, size=(SIZE, SIZE))
    stack = Stack(network or known(), names, configs, size, batch_norm)
    optimizers = [torch.optim.Adam(stack.student.parameters(), lr=lr), *stack.optimizers()]
    stack.train()
    for step in range(steps):
        batch, _ = views(1000 + step, drift)
        if "target" not in stack.streams:
            batch = replace(batch, target=None)
        losses, _ = stack(batch, step)
        torch.stack(list(losses.values())).sum().backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        stack.after_step(step)
    return stack


def known(plain: bool = True) -> Network:
    """A copy of a network that was trained on the source alone."""
    network = PlainNetwork(2) if plain else ToyNetwork(2)
    network.load_state_dict(_trained(plain))
    return network


@cache
def _trained(plain: bool) -> dict[str, Tensor]:
    torch.manual_seed(0)
    network = PlainNetwork(2) if plain else ToyNetwork(2)
    stack = train(["supervised"], {}, Drift(), network=network)
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
