import math

import pytest
import torch
from torch.nn import functional as F

from dagen.methods.mean_teacher import teacher_of
from dagen.methods.proda import ProDA, reversed_cross_entropy
from dagen.types import PRESETS, Task
from tests.methods.pseudo import Trial, faded, same, stack_of, step_of
from tests.toy import setting


def _part(**config: float) -> ProDA:
    return ProDA(torch.nn.Identity(), setting(Task.MATERIAL), ProDA.Config(**config))


def _features(seed: int) -> torch.Tensor:
    return torch.randn(2, 8, 3, 4, generator=torch.Generator().manual_seed(seed))


def _certain(label: torch.Tensor) -> torch.Tensor:
    """Probabilities (B, 5, H, W) at four times the size of ``label``."""
    return (
        F.one_hot(label, 5).movedim(-1, 1).float().repeat_interleave(4, 2).repeat_interleave(4, 3)
    )


def test_prototypes_are_those_of_a_slow_loop() -> None:
    part = _part(momentum=0.25)
    slow: dict[int, list[float]] = {}
    for step in range(3):
        draw = torch.Generator().manual_seed(step)
        label = torch.randint(0, 4 if step else 3, (2, 3, 4), generator=draw)
        features = _features(step)
        part.move(features, _certain(label))
        for c in label.unique().tolist():
            rows = features.movedim(1, -1)[label == c].tolist()
            mean = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
            old = slow.get(c, mean)
            slow[c] = [0.75 * a + 0.25 * b for a, b in zip(old, mean, strict=True)]
    assert part.known.tolist() == [True, True, True, True, False]
    for c, row in slow.items():
        assert torch.allclose(part.prototypes[c], torch.tensor(row), atol=1e-6)


def test_weights_are_those_of_a_slow_loop() -> None:
    part, features = _part(temperature=2.0), _features(5)
    part.prototypes.copy_(torch.randn(5, 8, generator=torch.Generator().manual_seed(1)))
    part.known[:4] = True
    weights = part.weights(features)
    pixels, rows = features.movedim(1, -1).flatten(0, -2).tolist(), part.prototypes[:4].tolist()
    mean = sum(math.dist(pixel, row) for pixel in pixels for row in rows) / (4 * len(pixels))
    for b in range(2):
        for y in range(3):
            for x in range(4):
                near = [
                    math.exp(-math.dist(features[b, :, y, x].tolist(), row) / mean / 2.0)
                    for row in rows
                ]
                expected = torch.tensor([*(v / sum(near) for v in near), 0.0])
                assert torch.allclose(weights[b, :, y, x], expected, atol=1e-5)


def test_weights_do_not_depend_on_the_scale_of_the_features() -> None:
    part, features = _part(), _features(5)
    part.prototypes.copy_(torch.randn(5, 8, generator=torch.Generator().manual_seed(1)))
    part.known[:4] = True
    weights = part.weights(features)
    assert 0.25 < weights.amax(1).mean() < 0.6  # they advise; they do not decide alone
    part.prototypes.mul_(50)
    assert torch.allclose(part.weights(features * 50), weights, atol=1e-5)


def test_reversed_cross_entropy_is_that_of_a_slow_loop() -> None:
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 5, generator=draw)
    label = torch.randint(0, 3, (2, 4, 5), generator=draw)
    p, total = logits.softmax(1), 0.0
    for b in range(2):
        for y in range(4):
            for x in range(5):
                for c in range(3):
                    truth = 1.0 if label[b, y, x] == c else 1e-4
                    total -= float(p[b, c, y, x]) * math.log(truth)
    assert float(reversed_cross_entropy(logits, label)) == pytest.approx(total / 40, rel=1e-5)


@pytest.mark.parametrize("task", PRESETS)
def test_the_loss_is_symmetric_cross_entropy_to_denoised_labels(task: Task) -> None:
    stack = stack_of(["proda"], task, weight=0.5, alpha=0.3, beta=0.7, start=0.0)
    part, ctx = stack.parts["proda"], step_of(stack)
    assert isinstance(part, ProDA)
    loss = part.losses(ctx)["main"]
    p = teacher_of(ctx).probabilities(ctx)
    near = F.interpolate(
        part.weights(teacher_of(ctx).output(ctx).features), size=(32, 32), mode="bilinear"
    )
    label = (near * p).argmax(1)
    logits = F.interpolate(ctx.target_out.logits, size=(32, 32), mode="bilinear")
    expected = 0.3 * F.cross_entropy(logits, label) + 0.7 * reversed_cross_entropy(logits, label)
    assert torch.allclose(loss, 0.5 * expected, atol=1e-6)
    assert torch.allclose(ctx.metrics["changed"], (label != p.argmax(1)).float().mean())
    assert loss.requires_grad


def test_prototypes_overrule_the_teacher_where_it_is_unsure() -> None:
    part = _part(temperature=0.1)
    features = torch.zeros(1, 8, 2, 2)
    features[:, 0, :, 1] = 1.0
    part.prototypes[1, 0] = 1.0
    part.known[:2] = True
    p = torch.tensor([0.4, 0.6, 0, 0, 0]).view(1, 5, 1, 1).expand(1, 5, 2, 2)
    assert (part.weights(features) * p).argmax(1).tolist() == [[[0, 1], [0, 1]]]


def test_the_source_alone_comes_first() -> None:
    stack = stack_of(["proda"], start=0.5)
    part = stack.parts["proda"]
    assert isinstance(part, ProDA)
    assert part.losses(step_of(stack, 4)) == {}
    assert part.losses(step_of(stack, 5)).keys() == {"main"}


def test_it_goes_on_where_it_was_saved() -> None:
    stack, other = stack_of(["proda"], start=0.0), stack_of(["proda"], start=0.0)
    images = step_of(stack).batch
    for step in range(3):
        stack(images, step)
    other.load_state_dict(stack.state_dict())
    assert same(stack(images, 3)[0], other(images, 3)[0])


def test_it_closes_the_gap_of_another_light() -> None:
    trial = Trial(faded, steps=120)
    assert trial.score("proda", start=0.0) > trial.score("proda", weight=0.0) + 0.15
