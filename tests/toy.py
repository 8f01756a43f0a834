"""Networks and batches small enough to check by hand."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from dagen.engine.stack import Stack
from dagen.methods.base import Asked, Context, Setting
from dagen.models.base import Network
from dagen.runs.parts import arrange
from dagen.types import Batch, SegOut, Task, View

GIVEN: dict[str, dict[str, Any]] = {
    "distill": {"teacher": "toy"},
    "features": {"teacher": "toy", "strides": [4]},
}
"""Parameters without which a strategy cannot be built; :func:`stacked` gives them."""


class ToyNetwork(Network):
    """Two convolutions at stride 4, with batch norm: everything a strategy can touch."""

    stride = 4
    multiple = 4
    taps = ("stem",)
    encoder_maps: tuple[str, ...] = ("stem",)

    def __init__(self, num_classes: int, width: float = 1.0) -> None:
        super().__init__(num_classes, width)
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Conv2d(8, num_classes, 1)

    def forward(self, image: Tensor) -> SegOut:
        features = self.stem(self.normalise(image))
        return SegOut(self.head(features), features)


class AuxToyNetwork(ToyNetwork):
    """A ToyNetwork with an auxiliary head at stride 8."""

    aux_weights = (0.4,)

    def __init__(self, num_classes: int, width: float = 1.0) -> None:
        super().__init__(num_classes, width)
        self.aux = nn.Conv2d(8, num_classes, 2, 2)

    def forward(self, image: Tensor) -> SegOut:
        out = super().forward(image)
        return out._replace(aux=(self.aux(out.features),)) if self.training else out


def setting(
    task: Task = Task.BINARY, *, steps: int = 10, size: tuple[int, int] = (32, 32)
) -> Setting:
    """The setting of a ToyNetwork run."""
    return Setting(
        task=task,
        feature_channels=8,
        stride=4,
        steps=steps,
        size=size,
        stream_images=64,
    )


def stacked(
    student: nn.Module,
    names: Sequence[str],
    configs: Mapping[str, Mapping[str, Any]],
    setting: Setting,
    batch_norm: str = "source",
    freeze_batch_norm: float = 1.0,
) -> Stack:
    """A stack of strategies as they would be asked for, completed, ordered and checked.

    Trained networks that they ask are ToyNetworks, unless the setting has them.
    """
    given = {name: GIVEN[name] for name in names if name in GIVEN}
    parts = arrange(
        names, given | {n: {**given.get(n, {}), **c} for n, c in configs.items()}, setting
    )
    asked = {name: toy_teacher(setting) for name in parts.networks} | dict(setting.networks)
    return Stack(student, parts, replace(setting, networks=asked), batch_norm, freeze_batch_norm)


def toy_teacher(setting: Setting) -> Asked:
    """A seeded ToyNetwork as a trained one; the global generator is left as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(77)
        return Asked(ToyNetwork(setting.num_classes), setting.size, 8)


def batch(
    task: Task = Task.BINARY,
    size: int = 32,
    count: int = 2,
    seed: int = 0,
    maps: Collection[str] = (),
) -> Batch:
    """Random images, labels for the source only, a stripe of ignored pixels among them."""
    draw = torch.Generator().manual_seed(seed)
    label = torch.randint(0, task.num_classes, (count, size, size), generator=draw)
    label[:, :2] = 255
    index = torch.arange(count)
    source = View(torch.rand(count, 3, size, size, generator=draw), index, label)
    image = torch.rand(count, 3, size, size, generator=draw) * 0.5 + 0.4
    made = {name: torch.rand(count, size, size, generator=draw) for name in sorted(maps)}
    return Batch(source, View(image, index, maps=made))


def context(task: Task = Task.BINARY, *, step: int = 0, steps: int = 10, seed: int = 0) -> Context:
    """A step of a seeded ToyNetwork on a random batch."""
    torch.manual_seed(seed)
    network = ToyNetwork(task.num_classes)
    network.train()
    return Context(network, batch(task, seed=seed), task=task, step=step, steps=steps, seed=seed)
