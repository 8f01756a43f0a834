"""A step of a stack in which a teacher answers, on images with objects worth pasting."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from dagen.methods._pseudo import enlarge
from dagen.methods.base import Context, Method
from dagen.stack import Stack
from dagen.types import Batch, Task, View
from tests.toy import ToyNetwork, batch, setting


def stack_of(names: list[str], task: Task = Task.BINARY, **config: object) -> Stack:
    """A stack on a seeded ToyNetwork; ``config`` is of the last part."""
    torch.manual_seed(0)
    stack = Stack(ToyNetwork(task.num_classes), names, {names[-1]: config}, setting(task), "target")
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


Change = Callable[[Tensor, Tensor], Tensor]
"""From images (B, 3, H, W) and labels (B, H, W) to the same scenes in the target's world."""


def faded(image: Tensor, label: Tensor) -> Tensor:
    """The same scenes in flat, bright light."""
    return image * 0.5 + 0.35


def lawn(image: Tensor, label: Tensor) -> Tensor:
    """The same objects on bright ground, which a network that knows dark belts takes for them."""
    return torch.where(
        label[:, None] > 0, image, image + torch.tensor([0.4, 0.7, 0.35])[:, None, None]
    )


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


def adapted(
    names: list[str],
    change: Change,
    *,
    batch_norm: str = "source",
    steps: int = 40,
    **config: object,
) -> float:
    """Waste IoU on held-out target scenes after training a network that knows the source.

    ``config`` is of the last part.
    """
    torch.manual_seed(0)
    student = ToyNetwork(2)
    _fit(Stack(student, ["supervised"], {}, setting(steps=steps), "source"), change, steps)
    if names:
        stack = Stack(student, names, {names[-1]: config}, setting(steps=steps), batch_norm)
        _fit(stack, change, steps)
        scored = stack.predictor()
    else:
        scored = student.eval()
    image, label = scenes(7, count=64)
    with torch.no_grad():
        predicted = enlarge(scored(change(image, label)).logits, label).argmax(1)
    both, either = (predicted & label).sum(), (predicted | label).sum()
    return float(both / either)


def _fit(stack: Stack, change: Change, steps: int) -> None:
    optimizer = torch.optim.Adam(stack.student.parameters(), lr=0.01)
    stack.train()
    for step in range(steps):
        image, label = scenes(1000 + step)
        target = View(change(*scenes(2000 + step)), torch.arange(8))
        images = Batch(
            View(image, torch.arange(8), label), target if "target" in stack.streams else None
        )
        losses, _ = stack(images, step)
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        stack.after_step(step)
