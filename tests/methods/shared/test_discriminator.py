import logging
import math

import pytest
import torch
from torch import nn

from dagen.methods.shared.discriminator import (
    CHANCE,
    Health,
    accuracy,
    domain_loss,
    patch_discriminator,
)


def convolutions(module: nn.Module) -> list[nn.Conv2d]:
    return [m for m in module.modules() if isinstance(m, nn.Conv2d)]


def test_at_the_papers_size_it_has_the_papers_layers() -> None:
    judge = patch_discriminator(5, (56, 112))
    layers = convolutions(judge)
    assert [m.out_channels for m in layers] == [64, 128, 256, 512, 1]
    assert [m.stride[0] for m in layers] == [2, 2, 2, 2, 1]
    assert [m.kernel_size[0] for m in layers] == [4, 4, 4, 4, 3]
    assert judge(torch.rand(1, 5, 56, 112)).shape == (1, 1, 3, 7)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (4, 4), (7, 14), (8, 8), (16, 5)])
def test_tiny_maps_survive(size: tuple[int, int]) -> None:
    out = patch_discriminator(2, size, 4)(torch.rand(2, 2, *size))
    assert out.shape[:2] == (2, 1) and min(out.shape[2:]) >= 1


def test_spectral_norm_bounds_every_layer() -> None:
    torch.manual_seed(0)
    judge = patch_discriminator(2, (8, 8), 4, spectral_norm=True).train()
    for _ in range(30):  # one power iteration in each pass
        judge(torch.rand(1, 2, 8, 8))
    judge.eval()
    for layer in convolutions(judge):
        norm = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
        assert float(norm) < 1.02


@pytest.mark.parametrize("objective", ["vanilla", "least-squares"])
def test_a_blind_discriminator_is_at_chance(objective: str) -> None:
    blind = torch.full((2, 1, 3, 3), 0.0 if objective == "vanilla" else 0.5)
    loss = (domain_loss(blind, True, objective) + domain_loss(blind, False, objective)) / 2
    assert float(loss) == pytest.approx(CHANCE[objective])


def test_domain_loss_and_accuracy_by_hand() -> None:
    source, target = torch.tensor([[2.0, -1.0]]), torch.tensor([[-3.0, -0.5]])
    wanted = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(1))) / 2
    assert float(domain_loss(source, True, "vanilla")) == pytest.approx(wanted)
    assert float(domain_loss(target, False, "least-squares")) == pytest.approx(9.25 / 2)
    assert float(accuracy(source, target, "vanilla")) == pytest.approx(0.75)
    assert float(accuracy(source + 0.2, target, "least-squares")) == pytest.approx(0.75)


def watch(health: Health, loss: float, right: float, steps: range) -> list[float]:
    return [
        float(health.watch(torch.tensor(loss), torch.tensor(right), step)["discriminator_alarm"])
        for step in steps
    ]


@pytest.mark.parametrize(
    ("loss", "right", "alarm", "words"),
    [(0.690, 0.5, 1.0, "chance level"), (0.01, 0.995, 2.0, "99 %"), (0.4, 0.8, 0.0, "")],
)
def test_the_alarm_needs_patience_and_is_written_once(
    loss: float, right: float, alarm: float, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    health, patience = Health("vanilla", "the judge"), Health.PATIENCE
    with caplog.at_level(logging.WARNING, logger="dagen"):
        alarms = watch(health, loss, right, range(3 * patience))
    assert alarms == [0.0] * (patience - 1) + [alarm] * (2 * patience + 1)
    assert len(caplog.records) == bool(alarm)
    assert all(words in text and "the judge" in text for text in caplog.messages)
    assert watch(health, 0.4, 0.8, range(1)) == [0.0]  # one healthy step ends it


def test_a_stall_and_a_win_are_both_written(caplog: pytest.LogCaptureFixture) -> None:
    health, patience = Health("vanilla"), Health.PATIENCE
    with caplog.at_level(logging.WARNING, logger="dagen"):
        for i, (loss, right) in enumerate([(0.69, 0.5), (0.01, 1.0), (0.69, 0.5)]):
            watch(health, loss, right, range(i * patience, (i + 1) * patience))
    first, second = caplog.messages
    assert "chance level" in first and "right on 99 %" in second


def test_the_watch_goes_on_where_a_state_left_it() -> None:
    health, again = Health("vanilla"), Health("vanilla")
    watch(health, math.log(2), 0.5, range(Health.PATIENCE - 1))
    again.load_state_dict(health.state_dict())
    assert watch(again, math.log(2), 0.5, range(1)) == [1.0]
