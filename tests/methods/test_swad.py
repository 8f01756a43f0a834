import copy
import logging
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dagen.engine.stack import Stack
from dagen.errors import UsageError
from dagen.losses import cross_entropy
from dagen.methods._valley import Mean, Valley
from dagen.methods.base import Method
from dagen.methods.swad import Swad, _flat
from dagen.parameters import build_config
from dagen.types import IGNORE, Batch
from tests.methods.grain import late_and_average
from tests.toy import ToyNetwork, batch, setting, stacked


def in_the_valley(losses: list[float], converge: int, tolerance: int, ratio: float) -> list[int]:
    """The authors' search over the whole sequence, each segment by its number."""
    start, ceiling, end = None, 0.0, None
    for i in range(len(losses)):
        if start is None:
            window = losses[max(0, i - converge + 1) : i + 1]
            if len(window) == converge and window[0] == min(window):
                start = i - converge + 1
                ceiling = (1 + ratio) * sum(window) / converge
        if start is not None and end is None:
            window = losses[max(start, i - tolerance + 1) : i + 1]
            if len(window) == tolerance and min(window) > ceiling:
                end = i - tolerance
    if start is None:
        return [len(losses) - 1]
    last = len(losses) - 1 if end is None else end
    while losses[last] > ceiling:  # segments above the ceiling at the very end
        last -= 1
    earliest = start - max(0, tolerance - converge)
    while start > max(0, earliest) and losses[start - 1] <= ceiling:
        start -= 1
    return list(range(start, last + 1))


def walked(losses: list[float], converge: int, tolerance: int, ratio: float) -> Valley:
    """A valley in which segment i is three steps with the weights (i, i^2)."""
    valley = Valley(2, converge, tolerance, ratio)
    for i, loss in enumerate(losses):
        segment = Mean(2)
        segment.add(torch.tensor([float(i), float(i * i)]), 3)
        valley.take(segment, loss)
    return valley


CURVES: dict[str, list[float]] = {
    "falls, rests, rises": [5, 3, 2, 1.0, 1.1, 1.2, 1.0, 1.3, 1.1, 2, 2, 2, 2, 2, 2, 1, 1],
    "a bump shorter than the tolerance": [2, 1, 1, 1.1, 3, 3, 3, 3, 3, 1.1, 1],
    "above at the end": [2, 1, 1.2, 1.1, 1, 4, 4],
    "falls to the end": [5, 4, 3, 2, 1],
    "rises at once": [1, 1.1, 1.2, 4, 4, 4, 4, 4, 4, 1],
    "high within the first window": [1, 1, 10, 10, 10, 10, 10, 10, 10, 1],
    "too short": [2.0, 3.0],
    "comes down a slope": [3, 1.2, 1.1, 1.05, 1.02, 1.0, 1.1, 1.1, 1.2],
    "a bump before": [1.1, 5, 1.1, 1.0, 1.1, 1.1, 1.2],
}


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize(("converge", "tolerance", "ratio"), [(3, 6, 0.3), (2, 2, 0.1), (1, 3, 1)])
def test_the_valley_is_the_authors(curve: str, converge: int, tolerance: int, ratio: float) -> None:
    losses = CURVES[curve]
    wanted = in_the_valley(losses, converge, tolerance, ratio)
    found = walked(losses, converge, tolerance, ratio).found
    assert found is not None
    mean = torch.tensor([[i, i * i] for i in wanted]).float().mean(0)
    torch.testing.assert_close(found, mean, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_random_walks(seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    losses = (torch.rand(25, generator=draw) + 0.2).tolist()
    wanted = in_the_valley(losses, 3, 4, 0.3)
    found = walked(losses, 3, 4, 0.3).found
    assert found is not None
    mean = torch.tensor([[i, i * i] for i in wanted]).float().mean(0)
    torch.testing.assert_close(found, mean, atol=1e-3, rtol=1e-5)


def stack_of(steps: int = 12, names: tuple[str, ...] = ("swad",), **config: object) -> Stack:
    torch.manual_seed(0)
    return stacked(ToyNetwork(2), names, {"swad": config}, setting(steps=steps), "source").train()


def labelled(seed: int, index: list[int], target_rows: int = 0) -> Batch:
    source = batch(count=len(index), seed=seed).source
    assert source is not None
    return Batch(replace(source, index=torch.tensor(index), target_rows=target_rows))


def part_of(stack: Stack) -> Swad:
    part = stack.parts["swad"]
    assert isinstance(part, Swad)
    return part


def test_held_out_images_are_scored_and_never_learnt_from() -> None:
    stack, images = stack_of(), labelled(0, [7, 10, 3, 0])
    source = images.source
    assert source is not None and source.label is not None
    logits = copy.deepcopy(stack.student)(source.image).logits.detach()
    losses, metrics = stack(images, 0)
    kept, hidden = source.label.clone(), source.label.clone()
    kept[[1, 3]], hidden[[0, 2]] = IGNORE, IGNORE
    assert set(losses) == {"supervised/main"}
    torch.testing.assert_close(losses["supervised/main"].detach(), cross_entropy(logits, kept))
    torch.testing.assert_close(metrics["swad/held_out"], cross_entropy(logits, hidden))
    other = source.label.clone()
    other[[1, 3]] = 1 - other[[1, 3]].clamp(max=1)
    again = stack_of()(replace(images, source=replace(source, label=other)), 0)
    assert torch.equal(again[0]["supervised/main"], losses["supervised/main"])
    assert not torch.equal(again[1]["swad/held_out"], metrics["swad/held_out"])


def test_labelled_target_images_are_all_learnt_from() -> None:
    stack = stack_of()
    stack(labelled(0, [1, 5, 10, 0], target_rows=2), 0)
    assert int(part_of(stack).images) == 1


def test_the_average_is_that_of_the_steps_in_the_valley() -> None:
    stack = stack_of(steps=12, segments=6, converge=2)
    part, seen = part_of(stack), list[dict[str, Tensor]]()
    curve = [3.0, 1.0, 1.1, 9.0, 1.2, 9.0]  # in the valley: segments 1 to 4, steps 2 to 9
    optimizer = torch.optim.SGD(stack.student.parameters(), lr=0.5)
    for step in range(12):
        losses, _ = stack(labelled(step, [0, 1, 2]), step)
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        part.loss.fill_(curve[step // 2])
        part.images.fill_(1)
        stack.after_step(step)
        seen.append({k: v.clone() for k, v in stack.student.state_dict().items()})
    found = stack.predictor().state_dict()
    for key, value in found.items():
        if value.is_floating_point():  # running statistics among them
            mean = torch.stack([one[key] for one in seen[2:10]]).mean(0)
            torch.testing.assert_close(value, mean, atol=1e-5, rtol=1e-4)
    assert int(part.valley.average.count) == 8


def test_a_segment_without_held_out_images_waits_for_some() -> None:
    stack = stack_of(steps=4, segments=4)
    part = part_of(stack)
    for step, index in enumerate([[1, 2], [3, 4], [0, 1]]):
        stack(labelled(step, index), step)
        stack.after_step(step)
        assert int(part.valley.losses.isfinite().sum()) == (step == 2)
    assert int(part.valley._first(0).count) == 3


def test_without_a_valley_it_says_so(caplog: pytest.LogCaptureFixture) -> None:
    stack = stack_of(steps=8, segments=4)
    with caplog.at_level(logging.WARNING, logger="dagen"):
        before = stack.predictor().state_dict()
        assert all(torch.equal(v, before[k]) for k, v in stack.student.state_dict().items())
        for step in range(8):
            assert not caplog.messages  # it is too early to say
            stack(labelled(step, [0, 1]), step)
            part_of(stack).loss.fill_(8.0 - step)
            stack.after_step(step)
        found = stack.predictor().state_dict()
    (message,) = caplog.messages
    assert "the average of the last segment is scored" in message
    last = part_of(stack).valley._first(0).value
    flat = torch.cat([v.flatten() for v in found.values() if v.is_floating_point()])
    assert torch.equal(flat, last) and not torch.equal(flat, _flat(stack.student))


def test_labels_that_change_behind_it_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shrinking(Method):
        def transform(self, ctx):  # type: ignore[no-untyped-def]
            label = ctx.source.label.clone()
            return replace(ctx.batch, source=replace(ctx.source, label=label))

    stack = stack_of(names=("swad", "minent"))
    monkeypatch.setitem(stack.parts._modules, "minent", Shrinking(stack.student, setting(), None))
    with pytest.raises(UsageError, match="name swad last"):
        stack(labelled(0, [0, 1]), 0)


def test_a_share_out_of_range() -> None:
    with pytest.raises(UsageError, match=r"swad.held_out is 1"):
        build_config(Swad.Config, {"held_out": 1}, "swad")


@pytest.mark.parametrize("seed", range(3))
def test_the_average_closes_the_gap_of_a_grainier_camera_that_late_steps_leave(seed: int) -> None:
    late, average = late_and_average("swad", seed)
    assert late < 0.6
    assert average > 0.75


def test_a_valley_longer_than_the_run_is_refused() -> None:
    with pytest.raises(UsageError, match=r"swad\.converge is 30"):
        stacked(ToyNetwork(2), ["swad"], {"swad": {"converge": 30}}, setting())
