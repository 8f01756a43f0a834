"""A shift of colours so small that its gap closes in seconds: the same squares, a paler light.

The network has no batch norm, whose statistics alone would close the gap.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from dagen.models.base import Network
from dagen.scoring.metrics import Scores
from dagen.types import Batch, SegOut, Task, View
from tests.toy import setting, stacked

SIZE, CELL = 16, 4


class CastNetwork(Network):
    """One convolution and a classifier at stride 4."""

    stride = 4
    multiple = 4

    def __init__(self) -> None:
        super().__init__(2)
        self.stem = nn.Sequential(nn.Conv2d(3, 8, CELL, CELL), nn.ReLU())
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, image: Tensor) -> SegOut:
        features = self.stem(self.normalise(image))
        return SegOut(self.head(features), features)


def by_cell(value: Tensor) -> Tensor:
    """Each value as a square of pixels."""
    return value.repeat_interleave(CELL, -2).repeat_interleave(CELL, -1)


def scene(seed: int, count: int) -> View:
    """Bright squares on a dark ground, with noise."""
    draw = torch.Generator().manual_seed(seed)
    label = by_cell(torch.rand(count, SIZE // CELL, SIZE // CELL, generator=draw) < 0.3).long()
    image = torch.where(label.bool(), 0.7, 0.2)[:, None].repeat(1, 3, 1, 1)
    image = image + 0.05 * torch.randn(image.shape, generator=draw)
    return View(image.clamp(0, 1), torch.arange(count), label)


def pale(view: View) -> View:
    """The target's light: less contrast, and a ground that the source would call litter."""
    return replace(view, image=0.6 * view.image + 0.38)


def waste_iou(
    names: list[str],
    configs: dict[str, dict[str, object]],
    *,
    source: Callable[[int, int], View] = scene,
    target: Callable[[int, int], View] = lambda seed, count: pale(scene(seed, count)),
    steps: int = 30,
) -> float:
    """Score on the target of a network trained for ``steps`` steps; target labels only score."""
    torch.manual_seed(0)
    stack = stacked(CastNetwork(), names, configs, setting(steps=steps, size=(SIZE, SIZE)))
    optimizer = torch.optim.Adam(stack.parameters(), lr=0.03)
    stack.train()
    for step in range(steps):
        unlabelled = replace(target(5000 + step, 8), label=None)
        asked = "target" in stack.declared.streams
        losses, _ = stack(Batch(source(step, 8), unlabelled if asked else None), step)
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    view, scores = target(9999, 32), Scores(Task.BINARY)
    assert view.label is not None
    with torch.no_grad():
        p = by_cell(stack.predictor()(view.image).logits.softmax(1))
    for one, truth in zip(p, view.label, strict=True):
        scores.update(one, truth)
    return scores.waste_iou
