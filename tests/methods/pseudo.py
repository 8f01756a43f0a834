"""A step of a stack in which a teacher answers, on images with objects worth pasting."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor, nn

from dagen.engine.stack import Stack
from dagen.methods.base import Context, Method
from dagen.methods.shared.pseudo import enlarge
from dagen.types import Batch, Task, View
from tests.toy import ToyNetwork, batch, setting, stacked


def stack_of(names: list[str], task: Task = Task.BINARY, **config: object) -> Stack:
    """A stack on a seeded ToyNetwork; ``config`` is of the last part."""
    torch.manual_seed(0)
    stack = stacked(
        ToyNetwork(task.num_classes), names, {names[-1]: config}, setting(task), "target"
    )
    return stack.train()


def step_of(stack: Stack, step: int = 0, seed: int = 0, images: Batch | None = None) -> Context:
    """What the stack's parts see at ``step``."""
    parts = {name: part for name, part in stack.parts.items() if isinstance(part, Method)}
    return Context(
        stack.student,
        images or objects(stack.setting.task),
        task=stack.setting.task,
        step=step,
        steps=stack.setting.steps,
        seed=seed,
        parts=parts,
        domain=stack.batch_norm.domain,
    )


def objects(task: Task = Task.BINARY) -> Batch:
    """Random images whose source labels show plain squares, an ignored stripe and crumbs."""
    images = batch(task)
    assert images.source is not None
    label = torch.zeros(2, 32, 32, dtype=torch.int64)
    last = task.num_classes - 1
    label[0, 4:12, 4:12] = 1
    label[0, 4:12, 18:26] = last
    label[0, 20:28, 4:12] = 1
    label[1, 10:20, 10:20] = last
    label[:, 31, 31] = 1
    label[:, :2] = 255
    return replace(images, source=View(images.source.image, images.source.index, label))


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    """Whether two states or sets of loss terms are bit-identical."""
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


class PlainNetwork(ToyNetwork):
    """A ToyNetwork without batch norm, which alone would close half of a gap."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.stem[1] = nn.Identity()


Change = Callable[[Tensor, Tensor], Tensor]
"""From images (B, 3, H, W) and labels (B, H, W) to the same scenes in the target's world."""


def faded(image: Tensor, label: Tensor) -> Tensor:
    """The same scenes in flat, bright light."""
    return image * 0.5 + 0.35


def soil(image: Tensor, label: Tensor) -> Tensor:
    """The same objects on ground of their own hue, a little darker than they are."""
    bright = (image + torch.tensor([0.35, 0.16, 0.14])[:, None, None]).clamp(0, 1)
    return torch.where(label[:, None] > 0, image, bright)


def scenes(seed: int, count: int = 8, size: int = 32) -> tuple[Tensor, Tensor]:
    """Noisy reddish squares of 8 pixels on a dark ground, and their labels."""
    draw = torch.Generator().manual_seed(seed)
    cells = torch.rand(count, size // 8, size // 8, generator=draw) < 0.12
    label = cells.repeat_interleave(8, 1).repeat_interleave(8, 2).long()
    ground, litter = torch.tensor([0.2, 0.22, 0.2]), torch.tensor([0.75, 0.5, 0.45])
    colour = torch.where(label[..., None].bool(), litter, ground).movedim(-1, 1)
    shade = torch.randn(count, 1, size // 4, size // 4, generator=draw) * 0.06
    noise = torch.randn(count, 3, size, size, generator=draw) * 0.04
    shade = shade.repeat_interleave(4, 2).repeat_interleave(4, 3)
    return (colour + noise + shade).clamp(0, 1), label


@dataclass(frozen=True)
class Trial:
    """Adapting a network that knows the source to the target's world."""

    change: Change
    plain: bool = True
    batch_norm: str = "source"
    steps: int = 40

    def score(self, name: str, **config: object) -> float:
        """Waste IoU on held-out target scenes after training with the part ``name``.

        With ``weight=0`` it is the IoU of all that the part does but learn.
        """
        student = _network(self.plain)
        student.load_state_dict(_source_only(self.plain, self.steps))
        size = setting(steps=self.steps)
        stack = stacked(student, [name], {name: config}, size, self.batch_norm)
        _fit(stack, self.change, self.steps)
        image, label = scenes(7, count=64)
        with torch.no_grad():
            logits = stack.predictor()(self.change(image, label)).logits
        predicted = enlarge(logits, label).argmax(1)
        return float((predicted & label).sum() / (predicted | label).sum())


def _network(plain: bool) -> ToyNetwork:
    return PlainNetwork(2) if plain else ToyNetwork(2)


@cache
def _source_only(plain: bool, steps: int) -> dict[str, Tensor]:
    torch.manual_seed(0)
    stack = stacked(_network(plain), ["supervised"], {}, setting(steps=steps), "source")
    _fit(stack, faded, steps)
    return copy.deepcopy(stack.student.state_dict())


def _fit(stack: Stack, change: Change, steps: int) -> None:
    optimizer = torch.optim.Adam(stack.student.parameters(), lr=0.01)
    stack.train()
    index = torch.arange(8)
    for step in range(steps):
        image, label = scenes(1000 + step)
        target = (
            View(change(*scenes(2000 + step)), index)
            if "target" in stack.declared.streams
            else None
        )
        losses, _ = stack(Batch(View(image, index, label), target), step)
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        stack.after_step(step)
