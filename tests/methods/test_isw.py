import itertools
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from dagen.engine.stack import Stack
from dagen.errors import UsageError
from dagen.methods.isw import Isw, covariance, sensitive
from dagen.methods.shared.mixing import disturb
from dagen.models.base import Network
from dagen.types import Batch, SegOut, View
from tests.methods.cast import CastNetwork, by_cell
from tests.toy import ToyNetwork, batch, context, setting, stacked


def test_covariances_of_standardised_channels() -> None:
    x = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0)) * 3 + 1
    found = covariance(x)
    for b, i, j in itertools.product(range(2), range(3), range(3)):
        one, two = (
            (c - c.mean()) / (c.var(correction=0) + 1e-5).sqrt() for c in (x[b, i], x[b, j])
        )
        assert float(found[b, i, j]) == pytest.approx(float((one * two).sum()) / 19, abs=1e-5)


def best_split(values: list[float], clusters: int) -> float:
    """The smallest value outside the lowest cluster, by trying every partition of the line."""
    ordered = sorted(values)

    def spread(part: list[float]) -> float:
        mean = sum(part) / len(part)
        return sum((v - mean) ** 2 for v in part)

    best = (float("inf"), 0.0)
    for cuts in itertools.combinations(range(1, len(ordered)), clusters - 1):
        edges = [0, *cuts, len(ordered)]
        total = sum(spread(ordered[a:b]) for a, b in itertools.pairwise(edges))
        best = min(best, (total, ordered[cuts[0]]))
    return best[1]


@pytest.mark.parametrize("clusters", [2, 3])
def test_all_clusters_but_the_lowest_are_style(clusters: int) -> None:
    draw = torch.Generator().manual_seed(clusters)
    variance = torch.rand(6, 6, generator=draw) ** 3
    above = [float(variance[i, j]) for i in range(6) for j in range(i + 1, 6)]
    border = best_split(above, clusters)
    wanted = torch.ones(6, 6).triu(1) * (variance >= border)
    assert torch.equal(sensitive(variance, clusters), wanted)
    assert 0 < wanted.sum() < 15


def test_covariances_that_never_change_are_left_alone() -> None:
    assert not sensitive(torch.zeros(4, 4), 3).any()


class Striped(Network):
    """Early features are the colours of the image and two patterns that no colour changes."""

    stride = 4
    multiple = 4
    taps: ClassVar[tuple[str, ...]] = ("stem",)

    def __init__(self) -> None:
        super().__init__(2)
        self.stem = Stem()
        self.head = nn.Conv2d(5, 2, 1)

    def forward(self, image: Tensor) -> SegOut:
        features = self.stem(image)
        return SegOut(self.head(features), features)


class Stem(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 4, 4, bias=False)
        nn.init.zeros_(self.conv.weight)
        with torch.no_grad():
            for c in range(3):
                self.conv.weight[c, c] = 1 / 16

    def forward(self, image: Tensor) -> Tensor:
        colours = self.conv(image)
        rows = torch.arange(colours.shape[2]).view(-1, 1).expand(colours.shape[2:]).float()
        both = torch.stack([rows % 2, rows // 2 % 2]).expand(len(image), -1, -1, -1)
        return torch.cat([colours, both], 1)


def coloured(seed: int) -> Batch:
    """Images that vary in one colour only, so that a change of hue mixes the channels."""
    both = batch(seed=seed, count=4)
    assert both.source is not None
    both.source.image[:, 1:] *= 0.2
    return Batch(both.source)


def run(stack: Stack, steps: range) -> list[dict[str, Tensor]]:
    return [stack(coloured(step), step)[0] for step in steps]


def test_the_variances_are_those_of_pairs_in_other_colours() -> None:
    stack = stacked(Striped(), ["isw"], {"isw": {"start": 0.4, "gather": 2}}, setting(steps=10))
    stack.train()
    part = stack.parts["isw"]
    assert isinstance(part, Isw) and part.start == 4
    run(stack, range(4))
    wanted = torch.zeros(5, 5)
    for step in (2, 3):  # the last two before the start
        image = coloured(step).source.image  # type: ignore[union-attr]
        ctx = context(step=step)
        changed = disturb(image, ctx.generator("isw"), jitter=0.5, jitter_p=1.0)
        for one, two in zip(image, changed, strict=True):
            stem: Any = stack.student.stem
            first, second = (covariance(stem(x[None]))[0] for x in (one, two))
            mean = (first + second) / 2
            wanted += ((first - mean) ** 2 + (second - mean) ** 2).detach() / 2
    torch.testing.assert_close(part.get_buffer("variance0"), wanted, atol=1e-5, rtol=1e-4)
    run(stack, range(4, 5))
    mask = part.get_buffer("mask0")
    assert mask[0, 1] and mask[0, 2] and not mask[3, 4] and not mask.tril().any()


def test_the_loss_by_hand_and_none_before_the_start() -> None:
    stack = stacked(Striped(), ["isw"], {"isw": {"weight": 0.5}}, setting(steps=8)).train()
    part = stack.parts["isw"]
    before = run(stack, range(2))
    assert all(set(losses) == {"supervised/main"} for losses in before)
    (losses,) = run(stack, range(2, 3))
    mask = part.get_buffer("mask0")
    image = coloured(2).source.image  # type: ignore[union-attr]
    stem: Any = stack.student.stem
    each = [covariance(stem(x[None]))[0][mask.bool()].abs().mean() for x in image]
    torch.testing.assert_close(losses["isw/main"], 0.5 * torch.stack(each).mean())


def test_sensitive_covariances_fall() -> None:
    torch.manual_seed(0)
    stack = stacked(Striped(), ["isw"], {"isw": {"weight": 5.0}}, setting(steps=20)).train()
    optimizer = torch.optim.SGD(stack.student.parameters(), lr=0.002)
    values = []
    for step in range(20):
        losses, _ = stack(coloured(step), step)
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        if "isw/main" in losses:
            values.append(float(losses["isw/main"].detach()))
    assert len(values) == 15
    assert sum(values[-3:]) < 0.8 * sum(values[:3]), values


def test_one_pass_more_while_gathering_and_none_after(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = stacked(ToyNetwork(2), ["isw"], {"isw": {"gather": 1}}, setting(steps=12)).train()
    passes: list[int] = []
    stack.student.register_forward_pre_hook(lambda _, inputs: passes.append(len(inputs[0])))
    counts = []
    for step in range(5):
        stack(Batch(batch().source), step)
        counts.append(passes[:])
        passes.clear()
    assert counts == [[2], [2], [4, 2], [2], [2]] or counts == [[2], [2], [2, 4], [2], [2]]
    assert stack.student.training and not stack.student.get_submodule("stem")._forward_hooks


def test_gathering_moves_no_statistics() -> None:
    stack = stacked(ToyNetwork(2), ["isw"], {"isw": {"gather": 9}}, setting(steps=12)).train()
    alone = stacked(ToyNetwork(2), [], {}, setting(steps=12)).train()
    alone.student.load_state_dict(stack.student.state_dict())
    for one in (stack, alone):
        one(Batch(batch().source), 0)
    ours, theirs = stack.student.state_dict(), alone.student.state_dict()
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())


def test_a_network_without_early_stages() -> None:
    with pytest.raises(UsageError, match=r"'isw' .* CastNetwork names none"):
        stacked(CastNetwork(), ["isw"], {}, setting())


def test_channels_of_the_stages_are_those_of_the_network() -> None:
    part = Isw(ToyNetwork(2), setting(size=(30, 30)), Isw.Config())
    assert part.get_buffer("mask0").shape == (8, 8)


class Wide(Network):
    """One convolution with room for many features, and a classifier at stride 4."""

    stride = 4
    multiple = 4
    taps = ("stem",)

    def __init__(self) -> None:
        super().__init__(2)
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 4, 4), nn.ReLU())
        self.head = nn.Conv2d(64, 2, 1)

    def forward(self, image: Tensor) -> SegOut:
        features = self.stem(self.normalise(image))
        return SegOut(self.head(features), features)


def striped(seed: int, count: int, *, turned: bool) -> View:
    """Striped things of one hue on plain ground of the opposite one, equally bright.

    Orange on blue, or each image's hues ``turned`` by a quarter to three quarters of the circle.
    """
    draw = torch.Generator().manual_seed(seed)
    label = by_cell((torch.rand(count, 8, 8, generator=draw) < 0.3).long())
    angle = torch.pi * (0.5 + torch.rand(count, 1, generator=draw)) * turned
    orange, purple = torch.tensor([[0.956, -0.272, -1.106], [0.621, -0.647, 1.703]])  # of YIQ
    hue = (angle.cos() * orange + angle.sin() * purple)[..., None, None]
    stripes = 0.3 * torch.tensor([1.0, -1.0]).repeat(16) * label[:, None]
    noise = 0.1 * torch.randn(count, 3, 32, 32, generator=draw)
    image = 0.5 + stripes + 0.12 * (2 * label[:, None] - 1) * hue + noise
    return View(image.clamp(0, 1), torch.arange(count), label)


def test_it_closes_the_gap_of_other_hues() -> None:
    """Hue and stripes tell things from the ground; only the stripes still do in the target."""
    scores = {}
    for weight in (0.0, 10.0):
        torch.manual_seed(0)
        stack = stacked(Wide(), ["isw"], {"isw": {"weight": weight}}, setting(steps=150)).train()
        optimizer = torch.optim.Adam(stack.student.parameters(), lr=0.01)
        for step in range(150):
            losses, _ = stack(Batch(striped(1000 + step, 8, turned=False)), step)
            torch.stack(list(losses.values())).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        view = striped(7, 32, turned=True)
        assert view.label is not None
        with torch.no_grad():
            found = by_cell(stack.predictor()(view.image).logits.argmax(1))
        scores[weight] = float((found & view.label).sum() / (found | view.label).sum())
    assert scores[0.0] < 0.55 < 0.7 < scores[10.0], scores
