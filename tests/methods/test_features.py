from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from dagen.engine.stack import Stack
from dagen.errors import UsageError
from dagen.methods.base import Asked
from dagen.methods.features import Features
from dagen.methods.shared.soft.regression import standardised
from dagen.models.base import Network
from dagen.runs.parts import arrange, resolve
from dagen.types import Batch, SegOut, View
from tests.methods.pseudo import scenes, step_of
from tests.toy import ToyNetwork, batch, setting, stacked, toy_teacher


class Deep(Network):
    """Maps at strides 2, 4 and 8, and features at stride 2."""

    stride = 2
    multiple = 8
    encoder_maps: tuple[str, ...] = ("one", "two", "three")

    def __init__(self, num_classes: int, channels: int = 6) -> None:
        super().__init__(num_classes)
        self.one = nn.Sequential(nn.Conv2d(3, channels, 3, 2, 1), nn.BatchNorm2d(channels))
        self.two = nn.Sequential(nn.ReLU(), nn.Conv2d(channels, channels + 1, 3, 2, 1))
        self.three = nn.Sequential(nn.ReLU(), nn.Conv2d(channels + 1, channels + 2, 3, 2, 1))
        self.last = nn.Conv2d(2 * channels + 2, 5, 1)
        self.head = nn.Conv2d(5, num_classes, 1)

    def forward(self, image: Tensor) -> SegOut:
        one = self.one(self.normalise(image))
        deep = self.three(self.two(one))
        deep = nn.functional.interpolate(deep, size=one.shape[-2:])
        features = self.last(torch.cat([one, deep], 1))
        return SegOut(self.head(features), features)


def build(student: Network | None = None, **config: object) -> Stack:
    torch.manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        asked = Asked(Deep(2, 9), (32, 32), 5)
    own = replace(setting(), networks={"deep": asked}, feature_channels=5)
    values = {"features": {"teacher": "deep", "strides": [4, 8], **config}}
    return stacked(student or Deep(2), ["features"], values, own, "target").train()


def unlabelled() -> Batch:
    return Batch(None, batch().target)


def part_of(stack: Stack) -> Features:
    part = stack.parts["features"]
    assert isinstance(part, Features)
    return part


def test_regression_is_the_error_of_the_projected_maps_over_places_and_strides() -> None:
    stack = build()
    part, images = part_of(stack), unlabelled()
    assert images.target is not None
    image = images.target.image
    found = float(part.losses(step_of(stack, images=images))["regression"].detach())
    student, teacher = stack.student, part.asked._network
    assert isinstance(student, Deep) and isinstance(teacher, Deep)

    def maps(network: Deep) -> tuple[Tensor, Tensor, Tensor]:
        two = network.two(network.one(network.normalise(image)))
        return two, network.three(two), network(image).features

    errors = []
    with torch.no_grad():
        ours, theirs = maps(student), maps(teacher)
        for k, (name, size) in enumerate((("4", (8, 8)), ("8", (4, 4)))):
            wanted = standardised(theirs[k])
            pooled = nn.functional.adaptive_avg_pool2d(ours[2], size)
            for key, x in ((f"encoder{name}", ours[k]), (f"last{name}", pooled)):
                ours_there = part.projections[f"regression-{key}"](x)
                errors.append(float((ours_there - wanted).square().mean()))
    assert found == pytest.approx(sum(errors) / 4, rel=1e-3)


@pytest.mark.parametrize(
    ("places", "learns", "rests"),
    [
        (["encoder"], ["one.0.weight", "three.1.weight"], ["last.weight"]),
        (["last"], ["one.0.weight", "three.1.weight", "last.weight"], []),
    ],
)
def test_what_the_places_reach_learns_and_the_head_never(
    places: list[str], learns: list[str], rests: list[str]
) -> None:
    stack = build(places=places, similarity=1.0)
    losses, metrics = stack(unlabelled(), 0)
    assert set(losses) == {"features/regression", "features/similarity"}
    torch.stack(list(losses.values())).sum().backward()
    for name in learns:
        grad = stack.student.get_parameter(name).grad
        assert grad is not None and bool(grad.any()), name
    for name in (*rests, "head.weight"):
        grad = stack.student.get_parameter(name).grad
        assert grad is not None and not bool(grad.any()), name  # DDP waits for a gradient
    assert float(metrics["features/explained"]) < 1


@pytest.mark.parametrize("name", ["regression", "similarity"])
def test_every_term_can_stand_alone_and_has_its_factor(name: str) -> None:
    found = []
    for factor in (1.0, 3.0):
        factors: dict[str, object] = {"regression": 0.0, "similarity": 0.0, name: factor}
        stack = build(None, **factors)
        losses, metrics = stack(unlabelled(), 0)
        assert list(losses) == [f"features/{name}"]
        assert ("features/explained" in metrics) == (name == "regression")
        assert all(key.startswith(name) for key in dict(part_of(stack).projections.items()))
        found.append(float(losses[f"features/{name}"].detach()))
    assert found[1] == pytest.approx(3 * found[0], rel=1e-5) and found[0] > 0


def test_a_student_of_coarser_maps_is_compared_on_the_coarser_grid() -> None:
    stack = build(ToyNetwork(2), strides=[2, 4])  # its one map has stride 4
    layers = part_of(stack).projections.named_parameters()
    shapes = {name: tuple(p.shape[:2]) for name, p in layers if p.ndim > 1}
    assert {name.removesuffix(".weight"): shape for name, shape in shapes.items()} == {
        "regression-encoder2": (9, 8), "regression-last2": (9, 8),
        "regression-encoder4": (10, 8), "regression-last4": (10, 8),
    }  # fmt: skip
    losses, _ = stack(unlabelled(), 0)
    assert all(torch.isfinite(term) for term in losses.values())


def test_training_explains_the_teachers_features() -> None:
    stack = build(similarity=0.1)
    optimizers = [torch.optim.Adam(stack.student.parameters(), lr=0.01), *stack.optimizers()]
    explained = []
    for step in range(150):
        image, _ = scenes(1000 + step)
        losses, metrics = stack(Batch(None, View(image, torch.arange(8))), step)
        explained.append(float(metrics["features/explained"]))
        torch.stack(list(losses.values())).sum().backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    assert explained[0] < 0.05 < 0.25 < explained[-1]


def test_it_is_alone_and_needs_no_label() -> None:
    assert resolve(["features"]) == ("features",)
    with pytest.raises(UsageError, match="'features' makes a start for other runs and must be"):
        resolve(["features", "advent"])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"regression": 0.0}, "both of features' terms are 0"),
        ({"strides": [8, 8]}, r"features\.strides is \[8, 8\]; name each once"),
        ({"places": ["last", "last"]}, r"features\.places is .*name each once"),
        ({"places": []}, r"features\.places"),
    ],
)
def test_what_cannot_work_is_refused(config: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        arrange(["features"], {"features": config}, setting())


def test_missing_maps_are_told() -> None:
    with pytest.raises(UsageError, match=r"names 16; the encoder of deep has .* strides 2, 4, 8"):
        build(strides=[16])

    class Bare(ToyNetwork):
        encoder_maps = ()

    with pytest.raises(UsageError, match=r"Bare names no encoder maps; set features\.places"):
        build(Bare(2))
    build(Bare(2), places=["last"])


def test_a_teachers_maps_are_found_by_stride() -> None:
    maps = toy_teacher(setting()).encoder(torch.rand(2, 3, 32, 32))
    assert {stride: tuple(x.shape) for stride, x in maps.items()} == {4: (2, 8, 8, 8)}
