from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from dagen.errors import UsageError
from dagen.methods.swa import Swa
from dagen.parameters import build_config
from tests.methods.grain import late_and_average
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


def test_the_average_is_not_trained_and_is_copied_out() -> None:
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


@pytest.mark.parametrize("seed", range(3))
def test_the_average_closes_the_gap_of_a_grainier_camera_that_late_steps_leave(seed: int) -> None:
    late, average = late_and_average("swa", seed)
    assert late < 0.6
    assert average > 0.75
