"""Every policy against what it promises, down to the running statistics."""

import copy

import pytest
import torch
from torch import Tensor, nn

from dagen.batch_norm import BatchNormPolicy, layers, untracked
from dagen.errors import UsageError
from dagen.types import Batch, View
from tests.methods.cast import by_cell
from tests.toy import ToyNetwork, setting, stacked

SOURCE = [torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(i)) for i in range(6)]
TARGET = [0.5 + 0.5 * image.flip(0) for image in SOURCE]


def network() -> ToyNetwork:
    torch.manual_seed(0)
    return ToyNetwork(2).train()


def running(module: nn.Module) -> list[Tensor]:
    return [
        b.clone()
        for layer in layers(module)
        for b in (layer.running_mean, layer.running_var)
        if b is not None
    ]


def same(one: list[Tensor], two: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def run(policy: str, passes: list[tuple[str, Tensor]]) -> tuple[ToyNetwork, BatchNormPolicy]:
    student = network()
    keeper = BatchNormPolicy(student, policy)
    for domain, image in passes:
        with keeper.domain(domain):  # type: ignore[arg-type]
            student(image)
    return student, keeper


def turns(count: int = 4) -> list[tuple[str, Tensor]]:
    return [p for i in range(count) for p in (("source", SOURCE[i]), ("target", TARGET[i]))]


def plainly(images: list[Tensor]) -> ToyNetwork:
    student = network()
    for image in images:
        student(image)
    return student


def forgetful(images: list[Tensor]) -> ToyNetwork:
    """A network whose first pass replaces the running statistics."""
    student = network()
    for layer in layers(student):
        layer.momentum = 1.0
    student(images[0])
    for layer in layers(student):
        layer.momentum = 0.1
    for image in images[1:]:
        student(image)
    return student


def test_shared_is_updated_by_both_in_turn() -> None:
    student, _ = run("shared", turns())
    assert same(running(student), running(plainly([image for _, image in turns()])))


def test_source_is_updated_by_the_source_alone() -> None:
    student, _ = run("source", turns())
    assert same(running(student), running(plainly(SOURCE[:4])))


def test_target_is_updated_by_the_target_alone_from_its_first_pass_on() -> None:
    student, _ = run("target", turns())
    assert same(running(student), running(forgetful(TARGET[:4])))


def test_separate_deploys_the_target_and_keeps_the_source() -> None:
    student, keeper = run("separate", turns())
    target = running(forgetful(TARGET[:4]))
    assert same(running(student), target)
    with keeper.swapped("source"):
        assert same(running(student), running(plainly(SOURCE[:4])))
    with keeper.swapped("target"):
        assert same(running(student), target)
    assert same(running(student), target)


def test_separate_scores_a_copy_with_the_statistics_of_the_source() -> None:
    student, keeper = run("separate", turns())
    copy = ToyNetwork(2)
    copy.load_state_dict(student.state_dict())
    copy.eval()
    expected = network()
    expected.load_state_dict(student.state_dict())
    wanted = plainly(SOURCE[:4])
    for layer, other in zip(layers(expected), layers(wanted), strict=True):
        layer.load_state_dict(
            {
                **layer.state_dict(),
                "running_mean": other.running_mean,
                "running_var": other.running_var,
            }
        )
    with keeper.swapped("source", copy):
        found = copy(SOURCE[5]).logits
    assert torch.equal(found, expected.eval()(SOURCE[5]).logits)
    assert not torch.equal(found, copy(SOURCE[5]).logits)


@pytest.mark.parametrize("policy", ["shared", "source", "target", "separate"])
def test_without_a_target_every_policy_is_source(policy: str) -> None:
    student, keeper = run(policy, [("source", image) for image in SOURCE])
    assert same(running(student), running(plainly(SOURCE)))
    with keeper.swapped("source"):
        assert same(running(student), running(plainly(SOURCE)))


@pytest.mark.parametrize("policy", ["shared", "source", "target", "separate"])
def test_every_pass_is_normalised_by_its_own_batch(policy: str) -> None:
    student = network()
    keeper = BatchNormPolicy(student, policy)
    for _ in range(2):
        for domain, image in (("source", SOURCE[0]), ("target", TARGET[0])):
            with keeper.domain(domain):  # type: ignore[arg-type]
                found = student(image).logits
            assert torch.equal(found, network()(image).logits)


@pytest.mark.parametrize("policy", ["shared", "source", "target", "separate"])
def test_passes_of_both_domains_share_one_backward(policy: str) -> None:
    student = network()
    keeper = BatchNormPolicy(student, policy)
    for step in range(2):
        total = torch.zeros(())
        for domain, image in (("source", SOURCE[step]), ("target", TARGET[step])):
            with keeper.domain(domain):  # type: ignore[arg-type]
                total = total + student(image).logits.square().mean()
        total.backward()
    assert all(p.grad is not None for p in student.parameters())


@pytest.mark.parametrize("policy", ["target", "separate"])
def test_the_state_is_whole(policy: str) -> None:
    student, keeper = run(policy, turns())
    again = network()
    keeper2 = BatchNormPolicy(again, policy)
    again.load_state_dict(student.state_dict())
    keeper2.load_state_dict(keeper.state_dict())
    for one, two in ((student, keeper), (again, keeper2)):
        for domain, image in (("source", SOURCE[5]), ("target", TARGET[5])):
            with two.domain(domain):  # type: ignore[arg-type]
                one(image)
    assert same(running(student), running(again))
    with keeper.swapped("source"), keeper2.swapped("source"):
        assert same(running(student), running(again))


@pytest.mark.parametrize(
    ("policy", "frozen"),
    [
        ("shared", {"source", "target"}),
        ("source", {"source"}),
        ("target", {"target"}),
        ("separate", {"source", "target"}),
    ],
)
def test_frozen_statistics_stand_still_and_normalise_what_moved_them(
    policy: str, frozen: set[str]
) -> None:
    student, keeper = run(policy, turns())
    keeper.frozen = True
    before = running(student)
    for domain, image in (("source", SOURCE[5]), ("target", TARGET[5])):
        with keeper.domain(domain):  # type: ignore[arg-type]
            found = student(image).logits
        assert student.stem[1].training
        assert keeper.is_frozen(domain) == (domain in frozen)  # type: ignore[arg-type]
        other = copy.deepcopy(student).train(domain not in frozen)
        with keeper.swapped(domain, other):  # type: ignore[arg-type]
            torch.testing.assert_close(found, other(image).logits)
        found.square().mean().backward()
    assert same(running(student), before)
    assert student.stem[1].weight.grad is not None  # its scale goes on learning


@pytest.mark.parametrize("policy", ["target", "separate"])
def test_a_target_that_comes_after_freezing_still_gets_its_own_statistics(policy: str) -> None:
    student, keeper = run(policy, [("source", SOURCE[0]), ("source", SOURCE[1])])
    keeper.frozen = True
    assert keeper.is_frozen("source") and not keeper.is_frozen("target")
    with keeper.domain("target"):
        student(TARGET[0])
    alone, _ = run(policy, [("source", SOURCE[0]), ("target", TARGET[0])])
    assert same(running(student), running(alone))
    assert keeper.is_frozen("target")
    with keeper.domain("target"):
        student(TARGET[1])
    assert same(running(student), running(alone))


def _squares(draw: torch.Generator) -> Batch:
    """One image, all dark ground or all litter: normalised by itself it looks the same."""
    label = torch.randint(2, (1, 1, 1), generator=draw).expand(1, 32, 32)
    noise = 0.1 * torch.randn(1, 3, 32, 32, generator=draw)
    image = torch.where(label.bool(), 0.6, 0.3)[:, None] + noise
    return Batch(View(image, torch.arange(1), label))


def _wrong(freeze: float) -> float:
    """Share of pixels that a network gets wrong in deployment, trained with single images."""
    torch.manual_seed(0)
    stack = stacked(ToyNetwork(2), ["supervised"], {}, setting(steps=200), "source", freeze).train()
    optimizer = torch.optim.Adam(stack.student.parameters(), lr=0.01)
    draw = torch.Generator().manual_seed(0)
    for step in range(200):
        losses, _ = stack(_squares(draw), step)
        losses["supervised/main"].backward()
        optimizer.step()
        optimizer.zero_grad()
    wrong = []
    for _ in range(50):
        view = _squares(draw).source
        assert view is not None
        found = by_cell(stack.predictor()(view.image).logits.argmax(1))
        wrong.append(float((found != view.label).float().mean()))
    return sum(wrong) / len(wrong)


def test_freezing_closes_the_gap_between_training_and_deployment_of_small_batches() -> None:
    assert _wrong(freeze=1.0) > 0.2
    assert _wrong(freeze=0.5) < 0.01


def test_layers_are_as_before_after_an_error() -> None:
    student = network()
    keeper = BatchNormPolicy(student, "separate")
    for domain in ("source", "target"):
        with pytest.raises(RuntimeError), keeper.domain(domain):
            student(torch.zeros(1, 5, 8, 8))
    assert all(layer.track_running_stats and layer.momentum == 0.1 for layer in layers(student))


def test_passes_in_evaluation_mode_count_for_nothing() -> None:
    student = network().eval()
    keeper = BatchNormPolicy(student, "target")
    with keeper.domain("target"):
        student(TARGET[0])
    assert not bool(keeper.target_seen)


def test_an_unknown_policy_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="'seperate'; did you mean 'separate'"):
        BatchNormPolicy(network(), "seperate")


def test_an_untracked_pass_moves_no_statistics_and_nests() -> None:
    student = network()
    before = running(student)
    bound = layers(student)
    with untracked(bound):
        with untracked(bound):
            student(SOURCE[0])
        assert not any(layer.track_running_stats for layer in bound)
    assert same(running(student), before)
    student(SOURCE[0])
    assert not same(running(student), before)
