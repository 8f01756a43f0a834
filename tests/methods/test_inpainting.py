"""Holes hide what is asked for, the loss looks nowhere else, and a network can learn to fill."""

import pytest
import torch

from dagen.engine.stack import Stack
from dagen.types import Batch, View
from tests.toy import ToyNetwork, batch, setting, stacked


def build(**config: object) -> Stack:
    torch.manual_seed(0)
    return stacked(
        ToyNetwork(2), ["inpainting"], {"inpainting": config}, setting(), "target"
    ).train()


def shown(stack: Stack, images: Batch, step: int = 0) -> torch.Tensor:
    found: list[torch.Tensor] = []
    hook = stack.student.register_forward_pre_hook(lambda _, given: found.append(given[0].clone()))
    stack(images, step)
    hook.remove()
    return found[0]


def test_holes_have_the_mean_colour_and_the_share_that_was_asked_for() -> None:
    stack, images = build(holes=1, share=0.25), Batch(None, batch().target)
    image = images.target.image  # type: ignore[union-attr]
    seen = shown(stack, images)
    hole = (seen != image).any(1)
    assert hole.flatten(1).sum(1).tolist() == [16 * 16] * len(image)
    mean = stack.student.mean
    for i in range(len(image)):
        assert torch.allclose(seen[i][:, hole[i]].T, mean.flatten())
    other = shown(stack, images, 1)
    assert not torch.equal(seen, other) and torch.equal(seen, shown(stack, images))


def test_the_error_is_that_of_the_holes_alone() -> None:
    stack, images = build(adversarial=0, holes=1), Batch(None, batch().target)
    part = stack.parts["inpainting"]
    image = images.target.image  # type: ignore[union-attr]
    with torch.no_grad():
        part.decode.weight.zero_()  # type: ignore[union-attr]
        part.decode.bias.zero_()  # type: ignore[union-attr]
    hole = (shown(stack, images) != image).any(1, keepdim=True).expand_as(image)
    losses, metrics = stack(images, 0)
    gap = (image - stack.student.mean) / stack.student.std
    assert set(losses) == {"inpainting/reconstruct"}
    assert float(losses["inpainting/reconstruct"].detach()) == pytest.approx(
        0.999 * float(gap[hole].square().mean()), rel=1e-5
    )
    plain = (image - stack.student.mean)[hole].square().mean().sqrt()
    assert float(metrics["inpainting/error"]) == pytest.approx(float(plain), rel=1e-5)


def test_the_discriminator_learns_without_the_network_and_is_fooled_without_learning() -> None:
    stack, images = build(adversarial=1.0), Batch(None, batch().target)
    losses, _ = stack(images, 0)
    part = stack.parts["inpainting"]
    own = list(part.discriminator.parameters())  # type: ignore[union-attr]
    losses["inpainting/fool"].backward(retain_graph=True)
    assert all(p.grad is None for p in own) and part.decode.weight.grad is not None  # type: ignore[union-attr]
    stack.zero_grad()
    losses["inpainting/discriminate"].backward()
    assert all(p.grad is not None for p in own)
    assert all(p.grad is None for p in stack.student.parameters())


@pytest.mark.parametrize("adversarial", [0.0, 0.001])
def test_a_network_learns_to_fill(adversarial: float) -> None:
    stripes = torch.tensor([0.2, 0.8]).repeat_interleave(16)
    image = stripes[None, None, None, :].expand(4, 3, 32, 32).contiguous()
    images = Batch(None, View(image, torch.arange(4)))
    stack = build(adversarial=adversarial, holes=6, share=0.05)
    optimizers = [torch.optim.AdamW(stack.student.parameters(), lr=1e-2), *stack.optimizers()]
    errors = []
    for step in range(60):
        losses, metrics = stack(images, step)
        torch.stack(list(losses.values())).sum().backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        errors.append(float(metrics["inpainting/error"]))
    assert sum(errors[-5:]) < 0.8 * sum(errors[:5])
