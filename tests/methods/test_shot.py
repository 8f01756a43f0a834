import math

import pytest
import torch
from torch import Tensor

from dagen.engine.stack import Stack
from dagen.methods.shared.memory import Rings
from dagen.methods.shot import Shot, assign, centroids, directions
from dagen.types import PRESETS, Batch, Task
from tests.methods.shift import RED, gap_closed
from tests.toy import AuxToyNetwork, ToyNetwork, batch, setting, stacked


def stack(network: ToyNetwork, task: Task = Task.BINARY, **config: object) -> Stack:
    return stacked(network, ["shot"], {"shot": config}, setting(task), "target").train()


def test_the_source_is_not_there_and_the_classifier_stays() -> None:
    class Aux(AuxToyNetwork):
        training_only = ("aux",)

    shot = stack(Aux(2))
    assert (
        list(shot.parts) == ["shot"]
        and shot.declared.streams == {"target"}
        and shot.declared.needs_checkpoint
    )
    losses, _ = shot(Batch(target=batch().target), 0)
    torch.stack(list(losses.values())).sum().backward()
    trained = {name for name, p in shot.student.named_parameters() if p.grad is not None}
    assert trained == {"stem.0.weight", "stem.0.bias", "stem.1.weight", "stem.1.bias"}
    assert not shot.student.get_parameter("head.weight").requires_grad
    assert not shot.student.get_parameter("aux.weight").requires_grad


def slow_labels(features: Tensor, p: Tensor) -> list[int]:
    """Equations 4 to 6, one item after the other."""

    def cosine(a: list[float], b: list[float]) -> float:
        dot = sum(x * y for x, y in zip(a, b, strict=True))
        return dot / math.hypot(*a) / math.hypot(*b)

    items, weights, label = features.tolist(), p.tolist(), [0] * len(features)
    for _ in range(2):
        centres = {}
        for c in range(p.shape[1]):
            mass = sum(w[c] for w in weights)
            if mass > 0:
                centres[c] = [
                    sum(w[c] * f[d] for w, f in zip(weights, items, strict=True)) / mass
                    for d in range(len(items[0]))
                ]
        label = [max(centres, key=lambda c, f=f: cosine(f, centres[c])) for f in items]  # type: ignore[misc]
        weights = [[float(c == one) for c in range(p.shape[1])] for one in label]
    return label


def test_pseudo_labels_are_those_of_the_paper() -> None:
    draw = torch.Generator().manual_seed(0)
    p = torch.rand(60, 3, generator=draw).softmax(1)
    features = directions(torch.randn(60, 8, generator=draw))
    assert torch.allclose(features.norm(dim=1), torch.ones(60))
    known = torch.tensor([True, True, True])
    soft = assign(features, centroids(features, p), known)
    hard = torch.nn.functional.one_hot(soft, 3).float()
    found = assign(features, centroids(features, hard), hard.any(0))
    assert found.tolist() == slow_labels(features, p)


def test_similar_centroids_are_distinguished_in_bfloat16_runs() -> None:
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(300, 16, generator=draw) * 0.03 + 1  # cosines above 0.998
    p = torch.rand(300, 2, generator=draw).softmax(1)
    part = stack(ToyNetwork(2), memory=300, sample=300).parts["shot"]
    assert isinstance(part, Shot)
    part.features = Rings(2, 300, 17)
    part.remember(directions(features), p, draw)
    plain = part.nearest(directions(features))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(part.nearest(directions(features)), plain)
    assert 0 < plain.sum() < 300


def test_the_memory_takes_the_whole_set_when_it_fits() -> None:
    network = ToyNetwork(5)
    shot = Shot(network, setting(Task.MATERIAL), Shot.Config())
    draw = torch.Generator().manual_seed(0)
    p = torch.rand(60, 5, generator=draw).mul(4).softmax(1)
    p[:, 3] = 0  # a class that is never predicted
    features = directions(torch.randn(60, 8, generator=draw))
    shot.remember(features[:30], p[:30], draw)
    shot.remember(features[30:], p[30:], draw)
    assert shot.nearest(features).tolist() == slow_labels(features, p)
    assert 3 not in shot.nearest(features).tolist()


def test_the_losses_are_taken_over_a_balanced_sample() -> None:
    torch.manual_seed(0)
    shot = stack(ToyNetwork(2), sample=10_000, memory=10_000, diversity=0.5, start=0.0)
    views = Batch(target=batch().target)
    part = shot.parts["shot"]
    assert isinstance(part, Shot) and views.target is not None
    losses, _ = shot(views, 0)
    out = shot.student(views.target.image)
    p = out.logits.softmax(1).movedim(1, -1).flatten(0, -2).detach()
    label = part.nearest(directions(out.features.detach().movedim(1, -1).flatten(0, -2)))
    shares = 0.99 * torch.tensor([(label == c).float().mean() for c in range(2)]) + 0.005
    entropy = -(p * p.log()).sum(1).mean()
    mean = p.mean(0)
    wanted = entropy + 0.5 * (mean * (mean / shares).log()).sum()
    picked = torch.stack([one[c] for one, c in zip(p, label, strict=True)])
    torch.testing.assert_close(losses["shot/information"].detach(), wanted, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(
        losses["shot/pseudo"].detach(), -0.3 * picked.log().mean(), atol=1e-5, rtol=1e-4
    )


def test_centroids_wait_until_the_memory_has_seen_the_target() -> None:
    """Before, the sample is balanced by the network's own predictions; the memory fills."""
    torch.manual_seed(0)
    shot = stack(ToyNetwork(2), start=0.3)  # of ten steps
    part = shot.parts["shot"]
    assert isinstance(part, Shot)
    for step in range(5):
        losses, metrics = shot(Batch(target=batch(seed=step).target), step)
        assert ("shot/pseudo" in losses) == (step >= 3)
        assert (metrics["shot/changed"] > 0) == (step >= 3)
        assert part.features.seen.sum() > 0


@pytest.mark.parametrize("task", PRESETS)
def test_a_batch_of_ground_alone_teaches_nothing_wrong(task: Task) -> None:
    """One class predicted everywhere: no other class may be asked for."""
    network = ToyNetwork(task.num_classes)
    with torch.no_grad():
        network.get_parameter("head.bias")[0] += 20
    shot = stack(network, task)
    losses, metrics = shot(Batch(target=batch(task, count=1).target), 0)
    assert metrics["shot/changed"] == 0
    assert all(abs(float(value.detach())) < 0.1 for value in losses.values())


def test_it_closes_a_gap() -> None:
    assert gap_closed("shot", RED) > 0.5
