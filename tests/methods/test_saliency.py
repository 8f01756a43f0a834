import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from dagen.datasets.maps.salience import salience
from dagen.errors import UsageError
from dagen.methods.saliency import Saliency
from dagen.types import IGNORE, PRESETS, Batch, Task, View
from tests.methods.pseudo import PlainNetwork, stack_of, step_of
from tests.toy import batch, setting


def test_labels_are_certain_outside_the_two_thresholds() -> None:
    stack = stack_of(["saliency"], foreground=0.5, background=0.25)
    shown = torch.tensor([[0.0, 0.25, 0.26], [0.49, 0.5, 1.0]])[None]
    images = batch()
    assert images.target is not None
    ctx = step_of(
        stack,
        images=Batch(images.source, replace(images.target, maps={"salience": shown})),
    )
    part = stack.parts["saliency"]
    assert isinstance(part, Saliency)
    assert part.label(ctx).tolist() == [[[0, 0, IGNORE], [IGNORE, 1, 1]]]


@pytest.mark.parametrize("task", PRESETS)
def test_the_loss_is_that_of_the_sum_of_the_foreground(task: Task) -> None:
    stack = stack_of(["saliency"], task, weight=0.5, jitter=0.0)
    ctx = step_of(stack, images=batch(task, maps=["salience"]))
    part = stack.parts["saliency"]
    assert isinstance(part, Saliency)
    inputs: list[Tensor] = []
    stack.student.register_forward_pre_hook(lambda _, seen: inputs.append(seen[0]))
    loss = float(part.losses(ctx)["main"].detach())
    logits = stack.student(inputs[0]).logits.detach()  # the images as they were blurred
    both = torch.stack([logits[:, 0], logits[:, 1:].exp().sum(1).log()], 1)
    p = torch.nn.functional.interpolate(both, size=(32, 32), mode="bilinear").softmax(1)
    terms = [
        -math.log(float(p[b, label, y, x]))
        for b, image in enumerate(part.label(ctx).tolist())
        for y, row in enumerate(image)
        for x, label in enumerate(row)
        if label != IGNORE
    ]
    assert loss == pytest.approx(0.5 * sum(terms) / len(terms), rel=1e-5)


def test_no_material_gains_on_another() -> None:
    stack = stack_of(["saliency"], Task.MATERIAL)
    images = batch(Task.MATERIAL, maps=["salience"])
    stack(images, 0)[0]["saliency/main"].backward()
    gradient = stack.student.get_parameter("head.bias").grad
    assert gradient is not None
    assert gradient[0].sign() != gradient[1:].sum().sign()
    assert len(set(gradient[1:].sign().tolist())) == 1  # all up, or all down


def test_thresholds_in_the_wrong_order_get_one_clear_line() -> None:
    with pytest.raises(UsageError, match=r"background must be the smaller one"):
        Saliency.check(Saliency.Config(foreground=0.1), setting())


def test_it_learns_salient_regions_and_not_bright_ones() -> None:
    """Dark things on bright grounds beside bright walls: the source knows bright things only."""
    scores = {}
    for weight in (0.0, 1.0):
        torch.manual_seed(0)
        stack = stack_of(["saliency"], weight=weight)
        stack.student = PlainNetwork(2)
        optimizer = torch.optim.Adam(stack.student.parameters(), lr=0.01)
        for step in range(150):
            source, label = _scene(step, dark=False)
            target, _ = _scene(1000 + step, dark=True)
            index = torch.arange(len(source))
            shown = torch.stack([_map(one) for one in target])
            views = Batch(View(source, index, label), View(target, index, maps={"salience": shown}))
            torch.stack(list(stack(views, step)[0].values())).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        image, truth = _scene(7, dark=True, count=32)
        logits = torch.nn.functional.interpolate(stack.predictor()(image).logits, size=(32, 32))
        found = logits.argmax(1)
        scores[weight] = float((found & truth).sum() / (found | truth).sum())
    assert scores[0.0] < 0.2 < 0.6 < scores[1.0]


def _scene(seed: int, *, dark: bool, count: int = 8) -> tuple[Tensor, Tensor]:
    """Squares of 8 pixels inside the frame; where they are dark, a bright wall along an edge."""
    draw = np.random.default_rng(seed)
    image = draw.normal(0.55 if dark else 0.35, 0.02, (count, 32, 32, 3))
    label = np.zeros((count, 32, 32), np.int64)
    for one, own in zip(image, label, strict=True):
        top, left = 4 * draw.integers(1, 6, 2)
        one[top : top + 8, left : left + 8] = 0.05 if dark else 0.95
        own[top : top + 8, left : left + 8] = 1
        if dark:
            one[:, :4] = 0.75
    pixels = torch.from_numpy(image.clip(0, 1)).float().movedim(-1, 1)
    return pixels, torch.from_numpy(label)


def _map(image: Tensor) -> Tensor:
    pixels = (image.movedim(0, -1) * 255).round().to(torch.uint8).numpy()
    return torch.from_numpy(salience(np.ascontiguousarray(pixels))).float() / 255
