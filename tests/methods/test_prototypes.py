import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dagen.methods.base import Context
from dagen.methods.prototypes import Prototypes, purest
from dagen.types import IGNORE, Batch, Task
from tests.methods.shift import BRIGHTER, gap_closed
from tests.toy import ToyNetwork, batch, context, setting, stacked


def blocky(seed: int, step: int = 0) -> Context:
    """A step whose source label is the same within each cell of the feature map."""
    ctx = context(seed=seed, step=step)
    draw = torch.Generator().manual_seed(seed)
    cells = torch.randint(0, 2, (2, 8, 8), generator=draw)
    label = cells.repeat_interleave(4, 1).repeat_interleave(4, 2)
    ctx.batch = Batch(replace(ctx.source, label=label), ctx.batch.target)
    return ctx


def part_of(task: Task = Task.BINARY, **values: Any) -> Prototypes:
    torch.manual_seed(0)
    config = Prototypes.Config(**{"projection": 0, "start": 0.0, **values})
    return Prototypes(ToyNetwork(task.num_classes), setting(task), config)


def test_a_cell_has_the_class_of_three_quarters_of_its_pixels() -> None:
    label = torch.zeros(1, 4, 8, dtype=torch.int64)
    label[0, :, 4:] = 1
    label[0, 0, :4] = 1  # a quarter of the first cell
    label[0, :2, 4:6] = IGNORE  # a quarter of the second
    features = torch.zeros(1, 3, 1, 2)
    assert purest(label, 2, features).tolist() == [[[0, 1]]]
    label[0, 1, 0], label[0, 2, 4] = 1, 0
    assert purest(label, 2, features).tolist() == [[[IGNORE, IGNORE]]]


def test_the_newest_cells_of_each_class_and_domain_are_remembered() -> None:
    part = part_of(memory=4)
    draw = torch.Generator().manual_seed(0)
    kept: dict[tuple[int, int], list[Tensor]] = {(d, c): [] for d in range(2) for c in range(2)}
    for _ in range(5):
        rows = torch.rand(6, 8, generator=draw)
        label = torch.randint(0, 2, (6,), generator=draw)
        domain = torch.randint(0, 2, (6,), generator=draw)
        part.remember(rows, label, domain)
        for row, c, d in zip(rows, label.tolist(), domain.tolist(), strict=True):
            kept[d, c] = [*kept[d, c], row][-4:]
    for (d, c), rows_of in kept.items():
        wanted = sorted(tuple(row.tolist()) for row in rows_of)
        assert sorted(tuple(row.tolist()) for row in part.memory.held()[2 * d + c]) == wanted
    known, classes = part.references()
    assert classes.tolist() == [0, 1, 0, 1]
    for row, (_, rows_of) in zip(known, sorted(kept.items()), strict=True):
        torch.testing.assert_close(row, F.normalize(torch.stack(rows_of).mean(0), dim=0))


def contrast(x: Tensor, y: Tensor, known: Tensor, classes: Tensor, kind: str) -> float:
    """The mean loss, cell by cell."""
    total, terms = 0.0, 0
    for row, label in zip(x.tolist(), y.tolist(), strict=True):
        scores = [math.exp(sum(a * b for a, b in zip(row, k, strict=True)) / 0.2)
                  for k in known.tolist()]  # fmt: skip
        own = [s for s, c in zip(scores, classes.tolist(), strict=True) if c == label]
        others = [s for s, c in zip(scores, classes.tolist(), strict=True) if c != label]
        if kind == "supcon":
            total += sum(-math.log(s / (sum(own) + sum(others))) for s in own) / len(own)
            terms += 1
        else:
            total += sum(-math.log(s / (s + sum(others))) for s in own)
            terms += len(own)
    return total / terms


@pytest.mark.parametrize("references", ["prototypes", "memory"])
@pytest.mark.parametrize("kind", ["supcon", "ntxent"])
def test_the_loss_cell_by_cell(kind: str, references: str) -> None:
    part = part_of(
        loss=kind, references=references, weight=0.5, temperature=0.2, samples=5, memory=7,
        threshold=0.5,
    )  # fmt: skip
    part.losses(blocky(1))
    ctx = blocky(2)
    known, classes = (value.clone() for value in part.references())
    features, label, domain = part._cells(blocky(2))
    assert set(classes.tolist()) == {0, 1} and len(features) > 5
    assert all(int(((label == c) & (domain == d)).sum()) <= 5 for c in (0, 1) for d in (0, 1))
    found = float(part.losses(ctx)["main"].detach())
    wanted = contrast(F.normalize(features).detach(), label, known, classes, kind)
    assert found == pytest.approx(0.5 * wanted, rel=1e-4)


def test_proxies_are_the_papers() -> None:
    part = part_of(loss="proxy-anchor", weight=1.0, samples=6)
    ctx = blocky(1)
    features, label, _ = part._cells(blocky(1))
    x, proxies = F.normalize(features).detach(), F.normalize(part.criterion.proxies).detach()
    positive = negative = 0.0
    for c in range(2):
        scores = (x @ proxies[c]).tolist()
        own = [s for s, y in zip(scores, label.tolist(), strict=True) if y == c]
        others = [s for s, y in zip(scores, label.tolist(), strict=True) if y != c]
        positive += math.log(1 + sum(math.exp(-32 * (s - 0.1)) for s in own))
        negative += math.log(1 + sum(math.exp(32 * (s + 0.1)) for s in others))
    assert set(label.tolist()) == {0, 1}
    loss = part.losses(ctx)["main"]
    assert float(loss.detach()) == pytest.approx((positive + negative) / 2, rel=1e-4)
    loss.backward()
    assert part.criterion.proxies.grad.any()
    (optimizer,) = part.optimizers()
    assert optimizer.param_groups[0]["params"] == [part.criterion.proxies]
    assert "criterion.proxies" in part.state_dict()


def test_target_cells_are_the_sure_ones_and_none_before_the_start() -> None:
    def drawn(step: int, **values: Any) -> Tensor:
        _, _, domain = part_of(samples=10_000, **values)._cells(context(step=step))
        return (domain == 1).sum()

    sure = context().target_out.logits.softmax(1).amax(1)  # logits and features are of one size
    border = float(sure.detach().median())
    assert drawn(0, threshold=border) == (sure >= border).sum()
    assert drawn(0, threshold=0.0) == sure.numel()
    assert drawn(3, start=0.5, threshold=0.0) == 0
    assert drawn(5, start=0.5, threshold=0.0) == sure.numel()


def test_a_mean_teacher_labels_the_target_where_there_is_one() -> None:
    torch.manual_seed(0)
    values = {"prototypes": {"start": 0.0, "threshold": 0.0, "samples": 10_000}}
    stack = stacked(ToyNetwork(2), ["mean-teacher", "prototypes"], values, setting()).train()
    teacher: Any = stack.parts["mean-teacher"]
    with torch.no_grad():
        teacher.ema.module.head.bias.copy_(torch.tensor([-50.0, 50.0]))  # all is waste
    stack(batch(), 0)
    part: Any = stack.parts["prototypes"]
    assert [len(held) for held in part.memory.held()[2:]] == [0, 2 * 8 * 8]


def test_labelled_target_images_are_the_targets() -> None:
    ctx = context()
    blank = torch.zeros(2, 32, 32, dtype=torch.int64)
    source = replace(ctx.source, target_rows=1, label=blank)
    ctx.batch = Batch(source, ctx.batch.target)
    _, label, domain = part_of(samples=10_000, start=1.0)._cells(ctx)
    assert domain.tolist() == [0] * 64 + [1] * 64 and not label.any()


@pytest.mark.parametrize("kind", ["supcon", "ntxent", "proxy-anchor"])
def test_without_labels_the_loss_is_zero(kind: str) -> None:
    ctx = context()
    blank = replace(ctx.source, label=torch.full((2, 32, 32), IGNORE))
    ctx.batch = Batch(blank, ctx.batch.target)
    part = part_of(loss=kind, start=1.0, projection=4)
    loss = part.losses(ctx)["main"]
    loss.backward()
    assert float(loss.detach()) == 0 and not part.memory.filled.any()


@pytest.mark.parametrize("kind", ["supcon", "proxy-anchor"])
def test_a_state_brings_back_memory_projection_and_proxies(kind: str) -> None:
    def run(break_at: int | None) -> dict[str, Tensor]:
        torch.manual_seed(0)
        values = {"loss": kind, "projection": 4, "start": 0.0, "memory": 9, "threshold": 0.5}
        stack = stacked(ToyNetwork(2), ["prototypes"], {"prototypes": values}, setting()).train()
        optimizers = [torch.optim.SGD(stack.student.parameters(), lr=0.1), *stack.optimizers()]
        for step in range(4):
            if step == break_at:
                kept = stack.state_dict(), [one.state_dict() for one in optimizers]
                other = stacked(ToyNetwork(2), ["prototypes"], {"prototypes": values}, setting())
                stack = other.train()
                optimizers = [
                    torch.optim.SGD(stack.student.parameters(), lr=0.1), *stack.optimizers()
                ]  # fmt: skip
                stack.load_state_dict(kept[0])
                for one, values_of in zip(optimizers, kept[1], strict=True):
                    one.load_state_dict(values_of)
            losses, _ = stack(Batch(blocky(step).source, batch(seed=step).target), step)
            torch.stack(list(losses.values())).sum().backward()
            for one in optimizers:
                one.step()
                one.zero_grad()
        return stack.state_dict()

    whole, broken = run(None), run(2)
    assert whole.keys() == broken.keys()
    assert all(torch.equal(value, broken[key]) for key, value in whole.items())
    assert whole["parts.prototypes.memory.seen"].view(2, -1).sum(1).min() > 9


@pytest.mark.parametrize("references", ["prototypes", "memory"])
def test_it_closes_a_gap(references: str) -> None:
    options = {"projection": 16, "start": 0.0, "references": references, "samples": 24}
    assert gap_closed("prototypes", BRIGHTER, **options) > 0.6
