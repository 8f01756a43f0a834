import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dagen.errors import UsageError
from dagen.methods.base import Context
from dagen.methods.mean_teacher import teacher_of
from dagen.methods.object_paste import ObjectPaste
from dagen.methods.shared import paste
from dagen.methods.shared.mixing import find_objects
from dagen.types import IGNORE, PRESETS, Batch, Task, View
from tests.methods.pseudo import Trial, faded, same, stack_of, step_of

UNTOUCHED: dict[str, Any] = {
    "jitter": 0.0, "hue": 0.0, "match": 0.0, "shadow": 0.0, "repaint": 0.0, "decoys": 0.0,
    "disturb": 0.0, "aspect": 1.0, "erode": 0, "scale": [1.0, 1.0],
}  # fmt: skip
"""Objects are turned and moved, and nothing else is done to them."""


def _look(**changed: object) -> paste.Look:
    values = {**UNTOUCHED, "scale": (1.0, 1.0), **changed}
    return paste.Look(**{name: values[name] for name in paste.Look.__dataclass_fields__})


def _stage(
    task: Task = Task.BINARY, step: int = 0, **config: object
) -> tuple[ObjectPaste, Context]:
    stack = stack_of(["object-paste"], task, **config)
    part = stack.parts["object-paste"]
    assert isinstance(part, ObjectPaste)
    return part, step_of(stack, step)


def _plain_belt(ctx: Context) -> None:
    """Every source object gets the colour (1, its class / 10, 0), the target is grey."""
    source, target = ctx.source, ctx.target
    assert source.label is not None
    image = torch.stack([torch.ones(2, 32, 32), source.label / 10, torch.zeros(2, 32, 32)], 1)
    grey = torch.full_like(target.image, 0.5)
    ctx.batch = Batch(View(image, source.index, source.label), View(grey, target.index))


def _composed(part: ObjectPaste, ctx: Context) -> tuple[Tensor, Tensor, Tensor]:
    assert ctx.source.label is not None
    return part.compose(ctx, find_objects(ctx.source.label))[:3]


@pytest.mark.parametrize("task", PRESETS)
def test_pasted_pixels_have_their_objects_colour_and_class(task: Task) -> None:
    part, ctx = _stage(task, background="all", background_weight=0.25, **UNTOUCHED)
    _plain_belt(ctx)
    image, label, weight = _composed(part, ctx)
    assert set(label.unique().tolist()) <= {0, 1, task.num_classes - 1} and label.any()
    # Away from soft rims a pixel is either ground or object, and its label says which.
    ground = (image == 0.5).all(1)
    assert ground.any() and not label[ground].any() and (weight[ground] == 0.25).all()
    inside = (image[:, 0] > 0.999) & (image[:, 2] < 0.001)
    assert inside.any() and (weight[inside] == 1).all()
    assert torch.allclose(image[:, 1][inside], label[inside] / 10, atol=1e-3)
    assert (ground | inside).float().mean() > 0.6


def test_the_affine_map_takes_each_place_to_its_objects_centre() -> None:
    centre = torch.tensor([[3.0, -2.0], [0.0, 0.0], [-10.0, 5.0]])
    half = torch.tensor([20.0, 12.0])
    draws = torch.Generator().manual_seed(0)
    theta = paste._affine(centre, 0.5, 1.5, (24, 40), draws)
    mirrors = set()
    for matrix, middle in zip(theta, centre, strict=True):
        # In pixels: two columns at right angles up to the stretch, area times 1 / scale^2.
        pixels = half[:, None] * matrix[:, :2] / half
        determinant = float(torch.linalg.det(pixels))
        assert abs(determinant) == pytest.approx(4.0, rel=1e-4)
        mirrors.add(determinant > 0)
        low, high = (float(v) * 0.5 for v in torch.linalg.svdvals(pixels).sort().values)
        assert 1 <= high / low <= 1.5 + 1e-4
        place = torch.linalg.solve(matrix[:, :2], middle / half - matrix[:, 2])
        assert (place.abs() <= 1).all()


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.25])
def test_an_object_keeps_its_area_times_the_square_of_the_scale(scale: float) -> None:
    label = torch.zeros(8, 64, 64, dtype=torch.int64)
    label[:, 8:32, 24:40] = 1
    found = find_objects(label)
    layer = paste.lift(
        torch.full((8, 3, 64, 64), 0.8), found, torch.arange(8), _look(scale=(scale, scale)),
        torch.Generator().manual_seed(1),
    )  # fmt: skip
    whole = layer.alpha[:, 0, [0, -1]].sum((1, 2)) + layer.alpha[:, 0, :, [0, -1]].sum((1, 2)) == 0
    assert whole.sum() >= 2  # the others reach over the border
    area = layer.alpha[whole].sum((1, 2, 3))
    own = 22 * 14 + (2 * 22 + 2 * 14) * 2 / 3 + 4 * 4 / 9  # with its soft rim
    assert torch.allclose(area, torch.full_like(area, own * scale**2), rtol=0.05)
    assert torch.allclose(layer.colour, layer.alpha * 0.8, atol=1e-5)
    assert layer.alpha.max() <= 1 + 1e-6


def test_erosion_takes_off_the_rim() -> None:
    label = torch.zeros(8, 32, 32, dtype=torch.int64)
    label[:, 10:20, 10:20] = 1
    layers = [
        paste.lift(torch.ones(8, 3, 32, 32), find_objects(label), torch.arange(8),
                    _look(erode=erode), torch.Generator().manual_seed(1))
        for erode in (0, 2)
    ]  # fmt: skip
    largest = [float(layer.alpha.sum((1, 2, 3)).max()) for layer in layers]
    assert largest == pytest.approx([64 + 32 * 2 / 3 + 4 * 4 / 9, 36], rel=0.05)


def test_every_class_is_chosen_equally_often() -> None:
    label = torch.zeros(1, 40, 40, dtype=torch.int64)
    for i in range(7):
        label[0, 5 * i : 5 * i + 4, 2:10] = 1
    label[0, 5:15, 20:30] = 3
    found = find_objects(label)
    assert found.label.bincount().tolist() == [0, 7, 0, 1]
    drawn = found.label[paste.choose(found, 400, torch.Generator().manual_seed(0))]
    assert 150 < (drawn == 3).sum() < 250


def test_objects_take_the_colours_of_their_place() -> None:
    draws = torch.Generator().manual_seed(0)
    alpha = torch.zeros(4, 1, 16, 16)
    alpha[:, :, 4:12, 4:12] = 1
    colour = alpha * (0.2 + 0.1 * torch.rand(4, 3, 16, 16, generator=draws))
    ground = 0.7 + 0.3 * torch.rand(4, 3, 16, 16, generator=draws)
    layer = paste.Layer(colour, alpha)
    kept = paste.recolour(layer, ground, _look(), torch.Generator().manual_seed(1))
    assert torch.allclose(kept.colour, colour, atol=1e-6)
    moved = paste.recolour(layer, ground, _look(match=1.0), torch.Generator().manual_seed(1))
    inside = (slice(None), slice(None), slice(4, 12), slice(4, 12))
    before, after, aim = (x[inside].mean((2, 3)) for x in (colour, moved.colour, ground))
    share = (after - before) / (aim - before)
    assert share.std(1).max() < 1e-4  # one strength for all channels of an object
    assert share.min() >= 0 and share.max() <= 1 and share.mean(1).std() > 0.05
    spread = [x[inside].std((2, 3)) for x in (colour, moved.colour, ground)]
    assert torch.allclose(spread[1], spread[0] + share * (spread[2] - spread[0]), atol=0.01)
    assert not moved.colour[~alpha.bool().expand(4, 3, 16, 16)].any()


def test_repainted_objects_keep_their_shading_and_lose_their_colours() -> None:
    alpha = torch.zeros(16, 1, 32, 32)
    alpha[:, :, 8:24, 8:24] = 1
    shading = torch.linspace(0.6, 1.4, 16)[None, None, :, None]
    red = torch.tensor([0.5, 0.1, 0.1])[None, :, None, None]
    colour = torch.zeros(16, 3, 32, 32)
    colour[:, :, 8:24, 8:24] = red * shading
    layer = paste.Layer(colour, alpha)
    draws = torch.Generator().manual_seed(0)
    new = paste.repaint(layer, 1.0, draws)
    assert not new.colour[~alpha.bool().expand_as(colour)].any()
    assert new.colour.min() >= 0 and new.colour.max() <= 1
    mean = new.colour[..., 8:24, 8:24].mean((2, 3))
    assert (mean - red[:, :, 0, 0]).abs().amax(1).min() > 0.02  # none keeps its red,
    assert (mean.argmax(1) != 0).any() and mean.std(0).max() > 0.1  # and they differ
    rows = new.colour[..., 8:24, 8:24].mean((1, 3))
    assert (rows[:, -4:].mean(1) > rows[:, :4].mean(1)).float().mean() > 0.8
    half = paste.repaint(layer, 0.5, draws)
    kept = (half.colour == colour).flatten(1).all(1)
    assert 3 <= kept.sum() <= 13
    assert paste.repaint(layer, 0.0, draws).colour.equal(colour)


def test_shadows_darken_the_ground_beside_the_object_alone() -> None:
    alpha = torch.zeros(1, 1, 32, 32)
    alpha[..., 12:20, 12:20] = 1
    layer = paste.Layer(alpha * 0.9, alpha)
    ground = torch.full((1, 3, 32, 32), 0.5)
    laid = paste.lay(layer, ground, _look(shadow=0.8), torch.Generator().manual_seed(1))
    assert torch.allclose(laid[..., 12:20, 12:20], torch.tensor(0.9))
    beside = laid[..., 6:26, 6:26][~alpha[..., 6:26, 6:26].bool().expand(1, 3, 20, 20)]
    assert beside.min() < 0.45 and beside.max() <= 0.5
    far = torch.ones(32, 32, dtype=torch.bool)
    far[4:28, 4:28] = False
    assert (laid[..., far] == 0.5).all()


def test_decoys_are_background() -> None:
    part, ctx = _stage(background="all", **{**UNTOUCHED, "decoys": 1.0})
    image, label, weight = _composed(part, ctx)
    assert not label.any()
    assert (image != ctx.target.image).any() and (weight == 1).any()


def test_the_share_that_is_pasted_is_logged() -> None:
    part, ctx = _stage(background="all", background_weight=1.0)
    assert ctx.source.label is not None
    part.losses(ctx)
    *_, pasted = part.compose(ctx, find_objects(ctx.source.label))
    share = float(ctx.metrics["pasted"])
    assert share == pytest.approx(float(pasted.float().mean())) and 0 < share < 0.9


def test_ground_that_the_teacher_doubts_is_ignored() -> None:
    _, ctx = _stage()
    waste = teacher_of(ctx).probabilities(ctx)[:, 1]
    doubt = float(waste.median())
    part, ctx = _stage(background="teacher", doubt=doubt, **UNTOUCHED)
    _, label, _ = _composed(part, ctx)
    plain, same_step = _stage(background="all", **UNTOUCHED)
    _, pasted, _ = _composed(plain, same_step)
    for truth, guard, p in zip(pasted.flatten(), label.flatten(), waste.flatten(), strict=True):
        assert guard == (1 if truth else IGNORE if p > doubt else 0)
    assert set(label.unique().tolist()) == {0, 1, IGNORE}


def test_between_one_and_count_objects_are_shown() -> None:
    part, ctx = _stage(background="all", count=3, **{**UNTOUCHED, "scale": [0.5, 0.5]})
    label = torch.zeros(2, 64, 64, dtype=torch.int64)
    label[:, 20:40, 20:40] = 1
    view, grey = ctx.source, torch.full((2, 3, 64, 64), 0.5)
    ctx.batch = Batch(View(torch.ones(2, 3, 64, 64), view.index, label), View(grey, view.index))
    areas = []
    for step in range(25):
        ctx.step = step
        areas += _composed(part, ctx)[1].sum((1, 2)).tolist()
    assert max(areas) <= 3 * 105  # 10 x 10 each, with the rounding of soft rims
    assert sum(area > 205 for area in areas) > 2  # three are seen,
    assert sum(0 < area < 105 for area in areas) > 5  # and often one


def test_the_loss_is_weighted_cross_entropy_of_one_forward() -> None:
    stack = stack_of(["object-paste"], weight=2.0, disturb=0.0, background_weight=0.5)
    part, ctx = stack.parts["object-paste"], step_of(stack)
    assert isinstance(part, ObjectPaste)
    seen: list[Tensor] = []
    hook = stack.student.register_forward_hook(lambda m, args, out: seen.append(out.logits))
    loss = part.losses(ctx)["main"]
    hook.remove()
    assert len(seen) == 1
    _, label, weight = _composed(part, ctx)
    logits = F.interpolate(seen[0], size=(32, 32), mode="bilinear")
    each = F.cross_entropy(logits, label, reduction="none", ignore_index=IGNORE) * weight
    assert torch.allclose(loss, 2 * each.sum() / (label != IGNORE).sum())


def test_draws_depend_on_seed_and_step_alone() -> None:
    part, ctx = _stage(step=3)
    first = part.losses(ctx)
    torch.manual_seed(99)
    assert same(first, part.losses(_stage(step=3)[1]))
    assert not same(first, part.losses(_stage(step=4)[1]))


def test_a_batch_without_objects_teaches_nothing() -> None:
    part, ctx = _stage()
    source = ctx.source
    empty = View(source.image, source.index, torch.zeros(2, 32, 32, dtype=torch.int64))
    ctx.batch = Batch(empty, ctx.target)
    assert part.losses(ctx) == {}


@pytest.mark.parametrize("scale", [[0.0, 1.0], [1.0, 0.5], [0.5, 9.0], [math.inf, math.inf]])
def test_impossible_scales_are_refused(scale: list[float]) -> None:
    with pytest.raises(UsageError, match=r"object-paste\.scale is"):
        stack_of(["object-paste"], scale=scale)


def test_it_closes_the_gap_of_another_light() -> None:
    trial = Trial(faded, steps=80)  # until then the teacher doubts too much
    learnt = trial.score("object-paste", scale=[1.0, 1.0], jitter=0.1)
    assert learnt > trial.score("object-paste", weight=0.0) + 0.2
