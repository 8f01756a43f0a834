"""The classifier sees every turn of every image, and a network can learn them."""

import pytest
import torch
from torch import nn

from dagen.engine.stack import Stack
from dagen.errors import UsageError
from dagen.runs.parts import arrange
from dagen.types import Batch, View
from tests.toy import ToyNetwork, batch, setting, stacked


def build(size: tuple[int, int] = (32, 32), **config: object) -> Stack:
    torch.manual_seed(0)
    own = setting(size=size)
    return stacked(ToyNetwork(2), ["rotation"], {"rotation": config}, own, "target").train()


def seen(stack: Stack, images: Batch, step: int = 0) -> torch.Tensor:
    found: list[torch.Tensor] = []
    hook = stack.student.register_forward_pre_hook(lambda _, given: found.append(given[0]))
    stack(images, step)
    hook.remove()
    (one,) = found
    return one


def test_each_image_comes_in_all_four_turns() -> None:
    images = Batch(None, batch().target)
    x = images.target.image  # type: ignore[union-attr]
    turned = seen(build(), images).split(len(x))
    for k, one in enumerate(turned):
        back = one
        for _ in range(k):
            back = back.transpose(2, 3).flip(3)  # a quarter turn clockwise
        assert torch.equal(back, x), k


def test_of_a_long_image_a_square_is_seen_at_places_that_the_step_draws() -> None:
    image = torch.rand(2, 3, 32, 64)
    images = Batch(None, View(image, torch.arange(2)))
    places = set()
    for step in range(6):
        first = seen(build((32, 64)), images, step)[:2]
        assert first.shape == (2, 3, 32, 32)
        places |= {k for k in range(33) if torch.equal(image[..., k : k + 32], first)}
    assert len(places) > 2


def test_a_network_learns_to_tell_turns() -> None:
    """Images that are bright above: the turn can be seen."""
    image = torch.linspace(1, 0, 32)[None, None, :, None].expand(4, 3, 32, 32)
    # The average of features cannot tell above from below unless a convolution sees the edge.
    stack = build(places=["last"])
    images = Batch(None, View(image.contiguous(), torch.arange(4)))
    optimizers = [torch.optim.AdamW(stack.student.parameters(), lr=1e-2), *stack.optimizers()]
    accuracies = []
    for step in range(60):
        losses, metrics = stack(images, step)
        torch.stack(list(losses.values())).sum().backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        accuracies.append(float(metrics["rotation/accuracy_last"]))
    assert accuracies[-1] > 0.9


def test_what_cannot_work_is_refused() -> None:
    with pytest.raises(UsageError, match="name each once"):
        arrange(["rotation"], {"rotation": {"places": ["last", "last"]}}, setting())

    class Plain(ToyNetwork):
        encoder_maps = ()

    with pytest.raises(UsageError, match="names no encoder maps"):
        stacked(Plain(2), ["rotation"], {}, setting(), "target")
    assert isinstance(
        stacked(Plain(2), ["rotation"], {"rotation": {"places": ["last"]}}, setting(), "target"),
        nn.Module,
    )
