import math

import pytest
import torch
from torch import nn

from dagen.ops import (
    Ema,
    block_mask,
    class_mix,
    ema_decay,
    ema_update,
    evaluating,
    fourier_swap,
    frozen,
    outputs_of,
)
from dagen.types import IGNORE


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_frozen_passes_gradients_through_and_keeps_none() -> None:
    module = nn.Linear(2, 1)
    module.bias.requires_grad_(False)
    x = torch.ones(1, 2, requires_grad=True)
    with frozen(module):
        y = module(x).sum()
    y.backward()
    assert x.grad is not None and torch.equal(x.grad, module.weight)
    assert module.weight.grad is None
    assert module.weight.requires_grad and not module.bias.requires_grad


def test_frozen_is_undone_after_an_error() -> None:
    module = nn.Linear(2, 1)
    with pytest.raises(KeyError), frozen(module):
        assert not module.weight.requires_grad
        raise KeyError
    assert module.weight.requires_grad


def test_evaluation_mode_ends_and_every_part_has_its_own_mode_again() -> None:
    module = nn.Sequential(nn.Dropout(), nn.BatchNorm2d(4)).train()
    module[1].eval()
    with pytest.raises(KeyError), evaluating(module):
        assert not any(part.training for part in module.modules())
        raise KeyError
    assert [part.training for part in module.modules()] == [True, True, False]


def network(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    module(torch.randn(2, 3, 4, 4) + seed)
    return module


def test_ema_averages_parameters_and_buffers() -> None:
    teacher, student = network(1), network(2)
    student(torch.randn(2, 3, 4, 4))
    before = {k: v.clone() for k, v in teacher.state_dict().items()}
    ema_update(teacher, student, 0.9)
    for key, value in teacher.state_dict().items():
        theirs = student.state_dict()[key]
        if value.is_floating_point():
            torch.testing.assert_close(value, 0.9 * before[key] + 0.1 * theirs)
        else:
            assert torch.equal(value, theirs) and int(value) == 2
    assert not torch.equal(before["1.running_mean"], teacher.state_dict()["1.running_mean"])


def test_ema_decay_grows_from_zero_to_its_limit() -> None:
    assert ema_decay(0, 0.99) == 0.0
    assert ema_decay(1, 0.99) == 0.5
    assert ema_decay(10_000, 0.99) == 0.99


def test_ema_teacher_starts_as_a_copy_and_wants_no_gradient() -> None:
    student = network(1)
    teacher = Ema(student, 0.5)
    assert not any(p.requires_grad for p in teacher.parameters())
    with torch.no_grad():
        student.get_parameter("0.weight").add_(1.0)
    gap = (student.get_parameter("0.weight") - teacher.get_parameter("module.0.weight")).mean()
    assert float(gap.detach()) == pytest.approx(1.0)
    teacher.update(student, step=100)
    gap = (student.get_parameter("0.weight") - teacher.get_parameter("module.0.weight")).mean()
    assert float(gap.detach()) == pytest.approx(0.5)
    assert set(teacher.state_dict()) == {f"module.{key}" for key in student.state_dict()}


def test_class_mix_takes_half_of_the_foreground_classes_whole() -> None:
    label = torch.tensor([[[0, 1, 1, 2], [3, 3, 0, IGNORE]]])
    chosen = set()
    for seed in range(20):
        mask = class_mix(label, seeded(seed))
        assert mask.shape == (1, 1, 2, 4) and mask.dtype == torch.bool
        kept = set(label[mask[:, 0]].tolist())
        assert len(kept) == 2 and kept <= {1, 2, 3}  # ceil(3 / 2)
        assert all(bool(mask[:, 0][label == c].all()) for c in kept)
        chosen.add(frozenset(kept))
    assert len(chosen) == 3
    assert torch.equal(class_mix(label, seeded(4)), class_mix(label, seeded(4)))


def test_class_mix_of_two_classes_pastes_the_litter_and_never_the_belt() -> None:
    label = torch.tensor([[[0, 1], [IGNORE, 0]], [[0, 0], [0, IGNORE]]])
    mask = class_mix(label, seeded())
    assert torch.equal(mask[0, 0], label[0] == 1)
    assert not mask[1].any()
    kept = {
        frozenset(label[0][class_mix(label, seeded(s), background=True)[0, 0]].tolist())
        for s in range(20)
    }
    assert kept == {frozenset({0}), frozenset({1})}


def test_block_mask_hides_whole_blocks_in_the_given_share() -> None:
    image = torch.zeros(8, 3, 60, 100)
    mask = block_mask(image, 16, 0.7, seeded())
    assert mask.shape == (8, 1, 60, 100) and mask.dtype == torch.float32
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    for y in range(0, 60, 16):
        for x in range(0, 100, 16):
            block = mask[:, :, y : y + 16, x : x + 16].flatten(1)
            assert torch.equal(block.amin(1), block.amax(1))
    blocks = mask[:, :, ::16, ::16]
    spread = 4 * math.sqrt(0.7 * 0.3 / blocks.numel())
    assert abs(float(1 - blocks.mean()) - 0.7) < spread
    assert torch.equal(mask, block_mask(image, 16, 0.7, seeded()))


def test_block_mask_at_its_ends() -> None:
    image = torch.zeros(1, 3, 8, 8)
    assert bool((block_mask(image, 4, 0.0, seeded()) == 1).all())
    assert bool((block_mask(image, 4, 1.0, seeded()) == 0).all())


@pytest.mark.parametrize("size", [(8, 12), (9, 7)])
@pytest.mark.parametrize("radius", [0, 1, 3])
def test_fourier_swap_by_the_whole_spectrum(size: tuple[int, int], radius: int) -> None:
    source = torch.rand(2, 3, *size, generator=seeded(0))
    target = torch.rand(2, 3, *size, generator=seeded(1))
    ours, theirs = torch.fft.fft2(source), torch.fft.fft2(target)
    for y in range(-radius, radius + 1):
        for x in range(-radius, radius + 1):
            angle = ours[..., y, x].angle()
            ours[..., y, x] = torch.polar(theirs[..., y, x].abs(), angle)
    slow = torch.fft.ifft2(ours)
    assert float(slow.imag.abs().max()) < 1e-5  # the symmetric window leaves a real image
    found = fourier_swap(source, target, radius)
    torch.testing.assert_close(found, slow.real, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(found, source)


def test_fourier_swap_of_radius_zero_moves_the_mean_alone() -> None:
    source = torch.rand(1, 3, 16, 16, generator=seeded(0))
    target = torch.rand(1, 3, 16, 16, generator=seeded(1)) * 0.2
    found = fourier_swap(source, target, 0)
    wanted = source - source.mean((2, 3), True) + target.mean((2, 3), True)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(fourier_swap(source, source, 4), source, atol=1e-5, rtol=1e-5)


def test_outputs_of_submodules_are_seen_inside_the_block_alone() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    x = torch.ones(4, 2)
    with pytest.raises(KeyError), outputs_of(network, ["0", "2"]) as found:
        y = network(x)
        assert torch.equal(found["0"], network[0](x)) and found["2"] is y
        raise KeyError
    before = dict(found)
    network(2 * x)
    assert found.keys() == before.keys() and all(found[k] is before[k] for k in found)
