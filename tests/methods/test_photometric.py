from dataclasses import replace

import pytest
import torch

from dagen.methods.photometric import Photometric
from dagen.types import View
from tests.methods.cast import waste_iou
from tests.toy import ToyNetwork, context, setting


def _part(**values: object) -> Photometric:
    return Photometric(ToyNetwork(2), setting(), Photometric.Config(**values))  # type: ignore[arg-type]


def _source(view: View | None) -> View:
    assert view is not None
    return view


def test_images_change_within_range_and_labels_stay() -> None:
    part = _part()
    for step in range(8):
        ctx = context(step=step)
        new = _source(part.transform(ctx).source)
        assert new.image.shape == ctx.source.image.shape
        assert new.image.min() >= 0 and new.image.max() <= 1
        assert new.label is ctx.source.label
        assert not torch.equal(new.image, ctx.source.image)


def test_a_draw_depends_on_seed_and_step_alone() -> None:
    part = _part()
    first = _source(part.transform(context(step=3)).source).image
    torch.manual_seed(99)
    again = _source(_part().transform(context(step=3)).source).image
    assert torch.equal(first, again)
    other = _source(part.transform(context(step=4)).source).image
    assert not torch.equal(first, other)


def test_the_global_random_state_is_left_alone() -> None:
    part, ctx = _part(), context()
    before = torch.random.get_rng_state()
    part.transform(ctx)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_target_is_left_alone_unless_asked_for() -> None:
    ctx = context()
    assert Photometric.streams == {"source"}
    assert _part().transform(ctx).target is ctx.batch.target
    asked = _source(_part(target=True).transform(ctx).target)
    assert not torch.equal(asked.image, ctx.target.image)


def test_runs_without_a_target() -> None:
    ctx = context()
    ctx.batch = replace(ctx.batch, target=None)
    assert _part(target=True).transform(ctx).target is None


def test_p_is_the_share_of_images() -> None:
    ctx = context()
    assert torch.equal(_source(_part(p=0.0).transform(ctx).source).image, ctx.source.image)
    changed = 0
    for step in range(30):
        ctx = context(step=step)
        new = _source(_part(p=0.5).transform(ctx).source).image
        changed += int((new != ctx.source.image).flatten(1).any(1).sum())
    assert 18 <= changed <= 42  # of 60


def test_nothing_is_kept_in_checkpoints() -> None:
    part = _part()
    part.transform(context())
    assert part.state_dict() == {}


@pytest.mark.parametrize("strength", [0.0, 0.5, 2.0])
def test_strength_scales_the_change(strength: float) -> None:
    gaps = []
    for step in range(10):
        ctx = context(step=step)
        new = _source(_part(strength=strength).transform(ctx).source).image
        gaps.append(float((new - ctx.source.image).abs().mean()))
    mean = sum(gaps) / len(gaps)
    if strength == 0:
        assert mean < 0.06  # a blur that is nearly none
    else:
        assert mean > 0.05


def test_helps_under_a_pale_light() -> None:
    before, after = waste_iou(["supervised"], {}), waste_iou(["photometric"], {}, steps=40)
    assert after > before + 0.1, (before, after)


def test_bfloat16_runs_keep_the_images_precise() -> None:
    for step in range(4):
        plain = _source(_part().transform(context(step=step)).source).image
        with torch.autocast("cpu", torch.bfloat16):
            coarse = _source(_part().transform(context(step=step)).source).image
        assert coarse.dtype == torch.float32 and torch.equal(coarse, plain)
