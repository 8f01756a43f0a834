from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from dagen.errors import UsageError
from dagen.methods.swa import Swa
from dagen.models.base import Network
from dagen.settings import build_config
from dagen.stack import Stack
from dagen.types import Batch, SegOut, View
from tests.methods.cast import by_cell
from tests.toy import ToyNetwork, setting


def _part(student: ToyNetwork, steps: int = 10, fraction: float = 0.5) -> Swa:
    return Swa(student, setting(steps=steps), Swa.Config(fraction=fraction))


def _walk(student: ToyNetwork, steps: int) -> Iterator[int]:
    draw = torch.Generator().manual_seed(0)
    for step in range(steps):
        with torch.no_grad():
            for value in student.state_dict().values():
                if value.is_floating_point():
                    value += torch.randn(value.shape, generator=draw)
                else:
                    value += 1
        yield step


def _weights(student: ToyNetwork) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in student.state_dict().items()}


def test_the_mean_of_the_last_half() -> None:
    student = ToyNetwork(2)
    part, seen = _part(student), []
    for step in _walk(student, 10):
        part.after_step(student, step)
        seen.append(_weights(student))
    average = part.predictor(student, None).state_dict()
    for key, value in average.items():
        if value.is_floating_point():  # running statistics among them
            mean = torch.stack([one[key] for one in seen[5:]]).mean(0)
            torch.testing.assert_close(value, mean, atol=1e-5, rtol=1e-5)
        else:
            assert torch.equal(value, seen[-1][key])


@pytest.mark.parametrize(("fraction", "count"), [(1.0, 10), (0.3, 3), (0.01, 1)])
def test_fraction_decides_how_many_steps(fraction: float, count: int) -> None:
    student = ToyNetwork(2)
    part = _part(student, fraction=fraction)
    for step in _walk(student, 10):
        part.after_step(student, step)
    assert int(part.averaged) == count


def test_before_its_time_the_network_is_left_alone() -> None:
    student, other = ToyNetwork(2), ToyNetwork(2)
    part = _part(student)
    part.after_step(student, 4)
    assert part.predictor(other, None) is other


def test_the_average_is_no_part_of_training_and_is_copied_out() -> None:
    student = ToyNetwork(2)
    part = _part(student)
    assert not any(p.requires_grad for p in part.parameters())
    for step in _walk(student, 10):
        part.after_step(student, step)
    out = part.predictor(student, None)
    with torch.no_grad():
        for parameter in out.parameters():
            parameter.zero_()
    assert any(p.any() for p in part.average.parameters())
    assert student.training  # untouched


def test_resuming_gives_the_same_average() -> None:
    def run(break_at: int | None) -> dict[str, Tensor]:
        torch.manual_seed(0)
        student = ToyNetwork(2)
        part = _part(student)
        for step in _walk(student, 10):
            if step == break_at:
                saved = part.state_dict()
                part = _part(ToyNetwork(2))
                part.load_state_dict(saved)
            part.after_step(student, step)
        return part.predictor(student, None).state_dict()

    whole, broken = run(None), run(7)
    assert all(torch.equal(whole[key], broken[key]) for key in whole)


@pytest.mark.parametrize("fraction", [0.0, 1.5, -0.1])
def test_a_fraction_out_of_range(fraction: float) -> None:
    with pytest.raises(UsageError, match=r"swa.fraction is"):
        build_config(Swa.Config, {"fraction": fraction}, "swa")


class Linear(Network):
    """One convolution, so that the average of weights is the average of answers."""

    stride = 4
    multiple = 4

    def __init__(self) -> None:
        super().__init__(2)
        self.head = nn.Conv2d(3, 2, 4, 4)

    def forward(self, image: Tensor) -> SegOut:
        pixels = self.normalise(image)
        return SegOut(self.head(pixels), pixels)


def _squares(draw: torch.Generator, count: int, grain: float) -> tuple[Tensor, Tensor]:
    """Squares a little brighter than the ground, as a camera with so much noise sees them."""
    label = by_cell((torch.rand(count, 8, 8, generator=draw) < 0.4).long())
    noise = grain * torch.randn(count, 3, 32, 32, generator=draw)
    return torch.where(label.bool(), 0.6, 0.3)[:, None] + noise, label


def _target_iou(network: nn.Module) -> float:
    image, label = _squares(torch.Generator().manual_seed(99), 16, grain=0.6)
    with torch.no_grad():
        found = by_cell(network(image).logits.argmax(1))
    return float((found & label).sum() / (found | label).sum())


@pytest.mark.parametrize("seed", range(3))
def test_the_average_closes_the_gap_of_a_grainier_camera_that_late_steps_leave(seed: int) -> None:
    """Small batches, wrong labels and a high rate: every step ends somewhere else."""
    torch.manual_seed(seed)
    stack = Stack(Linear(), ["swa"], {}, setting(steps=400)).train()
    optimizer = torch.optim.SGD(stack.student.parameters(), lr=0.6)
    draw, late = torch.Generator().manual_seed(seed), []
    for step in range(400):
        image, label = _squares(draw, 1, grain=0.4)
        wrong = by_cell((torch.rand(1, 8, 8, generator=draw) < 0.3).long())
        losses, _ = stack(Batch(View(image, torch.arange(1), label ^ wrong)), step)
        losses["supervised/main"].backward()
        optimizer.step()
        optimizer.zero_grad()
        stack.after_step(step)
        if step >= 200 and step % 10 == 9:  # as if training had ended here
            late.append(_target_iou(stack.student))
    assert sum(late) / len(late) < 0.6
    assert _target_iou(stack.predictor()) > 0.75
