from dataclasses import replace

import pytest
import torch

from dagen.engine.stack import Stack
from dagen.errors import UsageError
from dagen.methods.base import Asked
from dagen.methods.distill import Distill
from dagen.methods.shared.pseudo import enlarge
from dagen.runs.parts import arrange
from dagen.types import SegOut, Task
from tests.methods import shift
from tests.methods.pseudo import stack_of, step_of
from tests.toy import ToyNetwork, batch, setting, stacked, toy_teacher

OFF = {"pixel": 0.0, "logits": 0.0}


def part_of(stack: Stack) -> Distill:
    part = stack.parts["distill"]
    assert isinstance(part, Distill)
    return part


def terms(**config: object) -> dict[str, float]:
    stack = stack_of(["distill"], **config)
    found = part_of(stack).losses(step_of(stack, images=batch()))
    return {name: float(term.detach()) for name, term in found.items()}


@pytest.mark.parametrize("name", ["pixel", "logits", "features", "affinity"])
def test_every_term_can_stand_alone_and_has_its_factor(name: str) -> None:
    one = terms(**{**OFF, name: 1.0})
    two = terms(**{**OFF, name: 2.0, "weight": 2.0})
    assert list(one) == [f"{name}_target"] and one[f"{name}_target"] > 0
    assert two[f"{name}_target"] == pytest.approx(4 * one[f"{name}_target"], rel=1e-5)


def test_without_teacher_or_term_it_is_refused() -> None:
    with pytest.raises(UsageError, match=r"distill needs a trained network; give --set distill\."):
        arrange(["distill"], {}, setting())
    with pytest.raises(UsageError, match="all factors of distill's terms are 0"):
        arrange(["distill"], {"distill": {"teacher": "a", **OFF}}, setting())


@pytest.mark.parametrize(
    ("domain", "streams"),
    [
        ("source", {"source"}),
        ("target", {"source", "target"}),
        ("both", {"source", "target"}),
    ],
)
def test_the_domain_says_which_images_are_answered(domain: str, streams: set[str]) -> None:
    stack = stack_of(["distill"], domain=domain)
    assert stack.declared.streams == streams  # the labels of the source teach anyway
    seen: list[torch.Tensor] = []
    plain = part_of(stack).asked

    class Watched(Asked):
        def __call__(self, image: torch.Tensor) -> SegOut:
            seen.append(image)
            return plain(image)

    part_of(stack).asked = Watched(ToyNetwork(2), (32, 32), 8)
    images = batch()
    ctx = step_of(stack, images=images)
    part_of(stack).losses(ctx)
    assert images.source is not None and images.target is not None
    wanted = {
        "source": [images.source.image],
        "target": [images.target.image],
        "both": [images.source.image, images.target.image],
    }[domain]
    assert len(seen) == len(wanted)  # each image once
    assert all(torch.equal(a, b) for a, b in zip(seen, wanted, strict=True))


def test_a_student_that_answers_like_its_teacher_has_no_loss() -> None:
    torch.manual_seed(0)
    student = ToyNetwork(2).eval()
    asked = Asked(student, (32, 32), 8)
    config = {"distill": {"teacher": "toy", "features": 50.0, "affinity": 10.0, "domain": "both"}}
    stack = stacked(student, ["distill"], config, replace(setting(), networks={"toy": asked}))
    ctx = step_of(stack, images=batch())
    losses = part_of(stack).losses(ctx)
    assert len(losses) == 8
    assert all(float(term.detach()) == pytest.approx(0, abs=1e-5) for term in losses.values())
    assert ctx.metrics["agreement_source"] == ctx.metrics["agreement_target"] == 1


def test_the_teacher_has_no_gradient_no_state_and_does_not_change() -> None:
    stack = stack_of(["distill"], features=50.0, affinity=10.0)
    teacher = part_of(stack).asked._network
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    stack.train()
    losses, _ = stack(batch(), 0)
    torch.stack(list(losses.values())).sum().backward()
    assert not teacher.training and all(p.grad is None for p in teacher.parameters())
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    names = [*stack.state_dict(), *dict(stack.named_parameters())]
    assert not [name for name in names if "asked" in name or "_network" in name]


def test_features_of_another_number_of_channels_pass_a_convolution_of_their_own() -> None:
    class Wide(ToyNetwork):
        def __init__(self) -> None:
            super().__init__(2)
            self.stem = torch.nn.Sequential(torch.nn.Conv2d(3, 12, 2, 2), torch.nn.ReLU())
            self.head = torch.nn.Conv2d(12, 2, 1)

    asked = Asked(Wide(), (48, 48), 12)
    config = {"distill": {"teacher": "wide", "features": 50.0, "affinity": 10.0}}
    stack = stacked(
        ToyNetwork(2), ["distill"], config, replace(setting(), networks={"wide": asked})
    )
    (optimizer,) = stack.optimizers()
    before = stack.parts["distill"].adapter.weight.detach().clone()  # type: ignore[union-attr]
    assert before.shape == (12, 8, 1, 1)
    losses, _ = stack.train()(batch(), 0)
    torch.stack(list(losses.values())).sum().backward()
    optimizer.step()
    after = stack.parts["distill"].adapter.weight  # type: ignore[union-attr]
    assert not torch.equal(before, after)
    assert [*part_of(stack_of(["distill"], features=50.0)).optimizers()] == []


def test_a_teacher_sees_images_at_its_own_size() -> None:
    shapes: list[tuple[int, ...]] = []

    class Watched(ToyNetwork):
        def forward(self, image: torch.Tensor) -> SegOut:
            shapes.append(tuple(image.shape))
            return super().forward(image)

    asked = Asked(Watched(2), (64, 96), 8)
    image = torch.rand(2, 3, 32, 48)
    out = asked(image)
    assert shapes == [(2, 3, 64, 96)] and out.logits.shape == (2, 2, 16, 24)
    assert not out.logits.requires_grad
    flat = torch.full((1, 3, 32, 48), 0.25)
    small = Asked(Watched(2), (8, 12), 8)
    small(flat)
    assert shapes[-1] == (1, 3, 8, 12)


def test_the_pixel_term_compares_at_the_images_size() -> None:
    stack = stack_of(["distill"], logits=0.0, temperature=2.0)
    images = batch()
    ctx = step_of(stack, images=images)
    found = float(part_of(stack).losses(ctx)["pixel_target"].detach())
    assert images.target is not None
    image = images.target.image
    theirs = toy_teacher(stack.setting)(image).logits
    p = (enlarge(ctx.target_out.logits.detach(), image) / 2).softmax(1).double()
    q = (enlarge(theirs, image) / 2).softmax(1).double()
    assert p.shape[-2:] == (32, 32)
    assert found == pytest.approx(4 * float((q * (q / p).log()).sum(1).mean()), rel=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"pixel": 0.0, "logits": 20.0},
        {"pixel": 1.0, "logits": 0.0, "features": 50.0, "affinity": 10.0},
    ],
)
def test_a_teacher_that_knows_the_target_closes_the_gap(config: dict[str, float]) -> None:
    drift = shift.BRIGHTER
    before = shift.source_only(drift)
    knows = _knows_both(drift)
    assert shift.score(knows, drift) > 0.95 and before < 0.75
    known = {"distill": {"teacher": "knows", **config}}
    after = shift.score(_taught(known, drift, knows), drift)
    assert after - before > 0.8 * (1 - before)


def test_a_teacher_that_knows_the_source_alone_hands_on_its_mistakes() -> None:
    drift = shift.BRIGHTER
    known = {"distill": {"teacher": "knows"}}
    after = shift.score(_taught(known, drift, shift.known()), drift)
    assert after < shift.source_only(drift) + 0.1


def _knows_both(drift: shift.Drift) -> torch.nn.Module:
    """A network that was trained with the labels of both domains."""
    network = shift.known()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for step in range(60):
        views, label = shift.views(1000 + step, drift)
        assert views.target is not None and views.source is not None
        assert views.source.label is not None
        image = torch.cat([views.source.image, views.target.image])
        logits = enlarge(network(image).logits, image)
        loss = torch.nn.functional.cross_entropy(logits, torch.cat([views.source.label, label]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


def _taught(
    config: dict[str, dict[str, object]], drift: shift.Drift, teacher: torch.nn.Module
) -> torch.nn.Module:
    size = (shift.SIZE, shift.SIZE)
    own = replace(setting(size=size, steps=60), networks={"knows": Asked(teacher, size, 8)})
    stack = stacked(shift.known(), ["distill"], config, own)
    optimizers = [torch.optim.Adam(stack.student.parameters(), lr=0.01), *stack.optimizers()]
    stack.train()
    for step in range(60):
        views, _ = shift.views(1000 + step, drift)
        torch.stack(list(stack(views, step)[0].values())).sum().backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    return stack.predictor()


@pytest.mark.parametrize("task", [Task("classes", tuple(map(str, range(n)))) for n in (3, 7, 19)])
def test_any_number_of_classes(task: Task) -> None:
    stack = stack_of(["distill"], task, domain="both", features=50.0, affinity=10.0)
    losses, metrics = stack(batch(task), 0)
    assert len([name for name in losses if name.startswith("distill/")]) == 8
    assert all(torch.isfinite(term) for term in losses.values())
    assert 0 <= float(metrics["distill/agreement_target"]) <= 1
