"""Every validator's figure against a slow independent computation."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import rankdata
from torch import Tensor

from dagen.types import Task, View
from dagen.validators._agreement import agreement
from dagen.validators.base import Evidence, NotApplicable, Probes
from dagen.validators.combined import Combined, ranks
from dagen.validators.consistency import Consistency, magnify, relight
from dagen.validators.dev import Dev, _pick, density_ratio, risk
from dagen.validators.ensemble import Ensemble
from dagen.validators.entropy import Entropy
from dagen.validators.infomax import Infomax
from dagen.validators.mixval import MixVal
from dagen.validators.snd import Snd, density, sample
from dagen.validators.source_val import SourceVal
from tests.validators.painters import Painter, bright, evidence, litter


def slow_agreement(one: Tensor, other: Tensor, classes: int) -> float:
    """By sets of pixels."""
    total = 0.0
    for c in range(classes):
        a = {i for i, v in enumerate(one.flatten().tolist()) if v == c}
        b = {i for i, v in enumerate(other.flatten().tolist()) if v == c}
        total += len(a & b) / len(a | b) if a | b else 0.0
    return total / classes


def test_agreement() -> None:
    draw = torch.Generator().manual_seed(0)
    one, other = torch.randint(0, 4, (2, 3, 5, 6), generator=draw)
    assert agreement(one, other, 5) == pytest.approx(slow_agreement(one, other, 5), abs=1e-12)
    assert agreement(one, one, 5) == pytest.approx(4 / 5)
    nothing = torch.zeros(2, 4, 4, dtype=torch.int64)
    assert agreement(nothing, nothing, 2) == 0.5


def pixels(seen: Evidence) -> list[list[float]]:
    p = seen.target.probability
    return [p[n, :, y, x].tolist() for n in range(len(p)) for y in range(24) for x in range(32)]


def entropy_of(row: list[float]) -> float:
    return -sum(p * math.log(p) for p in row if p > 0)


def test_entropy() -> None:
    seen = evidence(count=1)
    rows = pixels(seen)
    expected = -sum(entropy_of(row) for row in rows) / len(rows) / math.log(2)
    assert Entropy().score(seen) == pytest.approx(expected, abs=1e-6)


def test_infomax() -> None:
    seen = evidence(count=1)
    rows = pixels(seen)
    mean = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    expected = entropy_of(mean) - sum(entropy_of(row) for row in rows) / len(rows)
    assert Infomax().score(seen) == pytest.approx(expected / math.log(2), abs=1e-5)


def slow_density(rows: list[list[float]], classes: int) -> float:
    """Equations 2 to 4 of the paper, one pixel after the other."""
    units = [[v / math.sqrt(sum(w * w for w in row)) for v in row] for row in rows]
    by_class: dict[int, list[float]] = {}
    for i, row in enumerate(rows):
        others = [j for j in range(len(rows)) if j != i]
        raw = [math.exp(sum(a * b for a, b in zip(units[i], units[j], strict=True)) / 0.05)
               for j in others]  # fmt: skip
        shares = [value / sum(raw) for value in raw]
        by_class.setdefault(row.index(max(row)), []).append(entropy_of(shares))
    return sum(sum(v) / len(v) for v in by_class.values()) / classes


def test_snd_density() -> None:
    draw = torch.Generator().manual_seed(0)
    p = (3 * torch.randn(30, 3, generator=draw)).softmax(1)
    assert density(p) == pytest.approx(slow_density(p.tolist(), 3), rel=1e-6)
    two = p[p.argmax(1) != 2]
    assert density(two) == pytest.approx(slow_density(two.tolist(), 3), rel=1e-6)
    assert density(p[:1]) == 0


def test_snd_is_highest_for_tight_groups_of_every_class() -> None:
    tight = torch.eye(2).repeat_interleave(50, 0)
    loose = torch.linspace(0.02, 0.98, 100)
    assert density(tight) == pytest.approx(math.log(49), abs=1e-3)
    assert density(tight) > density(torch.stack([loose, 1 - loose], 1))
    # One class alone, as dense as can be, is worth one of two classes.
    assert density(tight[:50]) == pytest.approx(math.log(49) / 2)


def test_snd_samples_every_predicted_class_alike() -> None:
    p = evidence(count=4).target.probability
    drawn = sample(p, 100, torch.Generator().manual_seed(0))
    assert (drawn[:, 1] > 0.5).sum() == (drawn[:, 1] < 0.5).sum() == 100
    assert (p.argmax(1) == 1).float().mean() < 0.2
    few = torch.zeros(1, 3, 4, 4)
    few[:, 0], few[0, 1, 0, :3] = 0.5, torch.tensor([0.6, 0.7, 0.8])
    rare = sample(few, 10, torch.Generator().manual_seed(1))
    assert len(rare) == 13  # ten of thirteen, all three, none
    assert sorted(rare[rare[:, 1] > 0.5, 1].tolist()) == pytest.approx([0.6, 0.7, 0.8])


def test_snd_scores_the_sample() -> None:
    seen = evidence(count=3)
    p = sample(seen.target.probability, 100, seen.generator("snd"))
    assert Snd().score(seen) == pytest.approx(slow_density(p.tolist(), 2), rel=1e-5)


def test_mixval() -> None:
    """Context decides here: bright pixels count as waste only in dark pictures."""

    def wary(image: Tensor) -> Tensor:
        return bright(image - (image.mean((1, 2, 3), keepdim=True) - 0.2) * 5)

    seen = evidence(wary, count=3)
    own, image = seen.target.prediction, seen.target_images
    mixed, expected = torch.empty_like(image), torch.empty_like(own)
    for n in range(3):
        for y in range(24):
            for x in range(32):
                source = n if own[n, y, x] == 1 else (n + 1) % 3
                mixed[n, :, y, x] = image[source, :, y, x]
                expected[n, y, x] = own[source, y, x]
    answer = wary(mixed).argmax(1)
    assert MixVal().score(seen) == pytest.approx(slow_agreement(answer, expected, 2), abs=1e-9)
    assert MixVal().score(seen) < MixVal().score(evidence(count=3)) == 1.0
    with pytest.raises(NotApplicable, match="two target images"):
        MixVal().score(evidence(count=1))


def test_consistency_compares_views_turned_back() -> None:
    def left(image: Tensor) -> Tensor:
        waste = (torch.arange(image.shape[-1]) < image.shape[-1] // 2).float()
        logits = torch.stack([1 - waste, waste])[:, None].expand(-1, image.shape[-2], -1)
        return logits.expand(len(image), -1, -1, -1).clone()

    # Mirrored it says the opposite; magnified (21 of 32 columns from the fifth on) the border of
    # its answer stays at column 16, and that of what it said before moves to 17.
    near = (16 / 17 + 15 / 16) / 2
    assert Consistency().score(evidence(left)) == pytest.approx((0 + near) / 2)
    assert Consistency().score(evidence()) > 0.9


def test_consistency_finds_who_goes_by_absolute_light() -> None:
    def dim(image: Tensor) -> Tensor:  # the border of "bright" lies where light moves it
        return bright(image * 0.62)

    assert Consistency().score(evidence(dim)) < Consistency().score(evidence()) - 0.1


def test_views() -> None:
    image, _ = litter(2)
    draw = torch.Generator().manual_seed(3)
    found = relight(image, draw)
    again = torch.Generator().manual_seed(3)
    exponent, gain = (2 * torch.rand(2, 2, 1, 1, 1, generator=again) - 1).flatten(1) * 0.4
    cast = 1 + (2 * torch.rand(2, 3, 1, 1, generator=again) - 1)[..., 0, 0] * 0.1
    for n in range(2):
        for c in range(3):
            value = float(image[n, c, 5, 7]) ** math.exp(exponent[n]) * math.exp(gain[n])
            expected = min(1.0, value * float(cast[n, c]))
            assert float(found[n, c, 5, 7]) == pytest.approx(expected, abs=1e-5)
    ramp = torch.arange(30.0).expand(1, 1, 18, 30)
    near = magnify(ramp)[0, 0]
    assert near.shape == (18, 30)
    assert 4.5 < float(near[0, 0]) < 5.5 and 23.5 < float(near[0, -1]) < 24.5  # 20 of 30 columns


def test_source_val() -> None:
    seen = evidence(lambda image: bright(image * 0.9))
    label = seen.source_label
    prediction = seen.source.prediction
    hit = union = 0
    for truth, said in zip(label.flatten().tolist(), prediction.flatten().tolist(), strict=True):
        if truth != 255:
            hit += truth == said == 1
            union += 1 in (truth, said)
    assert 0 < hit < union or hit == union
    assert SourceVal().score(seen) == pytest.approx(hit / union)
    image, label = litter(2)
    empty = Probes(Task.BINARY, None, View(image, torch.arange(2), torch.zeros_like(label)))
    dark = Evidence(Painter(lambda x: bright(x * 0)), empty)
    with pytest.raises(NotApplicable, match="no foreground"):
        SourceVal().score(dark)


def test_ensemble() -> None:
    paints = [bright, lambda x: bright(x * 0.6), lambda x: bright(x + 0.5)]
    seen = [evidence(paint, count=2) for paint in paints]
    p = [one.target.probability for one in seen]
    together = torch.stack(p).mean(0).argmax(1)
    expected = [slow_agreement(one.argmax(1), together, 2) for one in p]
    validator = Ensemble()
    found = validator.compare([validator.look(one) for one in seen])
    assert found == pytest.approx(expected, abs=1e-3)


def test_combined_is_the_mean_rank() -> None:
    draw = np.random.default_rng(0)
    looks = draw.integers(0, 4, (5, 4)).astype(float)  # with ties
    expected = (np.stack([rankdata(column) for column in looks.T]) - 1).mean(0) / 4
    assert Combined().compare([tuple(row) for row in looks]) == pytest.approx(expected.tolist())
    assert ranks([0.3]) == [0.0]


def test_combined_asks_the_source_too() -> None:
    """A run of BiSeNet: surely, and from wherever it is looked at, step 600 marks too much."""
    looks = {
        300: (0.120, 0.785, 0.725, 0.319),
        600: (0.265, 0.921, 0.732, 0.173),
        900: (0.182, 0.888, 0.751, 0.526),
        1200: (0.244, 0.871, 0.733, 0.662),
    }
    votes = dict(zip(looks, Combined().compare(list(looks.values())), strict=True))
    assert votes[900] == votes[1200] == max(votes.values())  # a tie goes to the later one
    seen = evidence()
    expected = (v().look(seen) for v in (Infomax, MixVal, Consistency, SourceVal))
    assert Combined().look(seen) == tuple(expected)


def test_dev_risk() -> None:
    draw = np.random.default_rng(0)
    weight, loss = draw.gamma(2, 0.5, 50), draw.random(50)
    weighted = [w * value for w, value in zip(weight, loss, strict=True)]
    mean_w, mean_wl = sum(weight) / 50, sum(weighted) / 50
    covariance = sum((a - mean_wl) * (b - mean_w) for a, b in zip(weighted, weight, strict=True))
    eta = -covariance / sum((w - mean_w) ** 2 for w in weight)
    assert risk(weight, loss) == pytest.approx(mean_wl + eta * mean_w - eta)
    assert risk(np.ones(50), loss) == pytest.approx(loss.mean())


def test_dev_density_ratio_of_two_normals() -> None:
    draw = np.random.default_rng(0)
    source, target = draw.normal(0, 1, (4000, 1)), draw.normal(0.8, 1, (2000, 1))
    halves = np.arange(4000) % 2
    weight = density_ratio(source, halves, target, halves[:2000])
    true = np.exp(0.8 * source[:, 0] - 0.8**2 / 2)
    assert weight == pytest.approx(true, rel=0.25)
    assert weight.mean() == pytest.approx(1, abs=0.1)


def test_dev_says_when_it_does_not_apply() -> None:
    draw = np.random.default_rng(0)
    source, halves = draw.normal(0, 1, (200, 2)), np.arange(200) % 2
    with pytest.raises(NotApplicable, match="overlap too little"):
        density_ratio(source, halves, source + 20, halves)
    with pytest.raises(NotApplicable, match="two images"):
        density_ratio(source, np.zeros(200, np.int64), source, halves)
    with pytest.raises(NotApplicable, match="two images"):
        Dev().score(evidence(count=1))


def test_dev_picks_features_under_their_pixels() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.rand(2, 3, 4, 5, generator=draw)
    at = torch.randint(8 * 15, (2, 6), generator=draw)  # pixels of images 8 x 15
    found = _pick(x, at, (8, 15))
    for n in range(2):
        for k in range(6):
            row, column = divmod(int(at[n, k]), 15)
            assert torch.equal(found[6 * n + k], x[n, :, row * 4 // 8, column * 5 // 15])


def test_dev_of_one_and_the_same_domain_is_the_plain_loss() -> None:
    image, label = litter(16)
    label[:, :2] = 255
    probes = Probes(Task.BINARY, image, View(image, torch.arange(16), label))
    seen = Evidence(Painter(lambda x: bright(x) / 8), probes)
    p = (bright(image) / 8).softmax(1).gather(1, label.clamp(max=1)[:, None])[:, 0]
    plain = float(-p[label != 255].log().mean())
    assert Dev().score(seen) == pytest.approx(-plain, abs=0.03)
    blind = Evidence(Painter(lambda x: -bright(x) / 8), probes)
    assert Dev().score(blind) < Dev().score(seen) - 0.1
