import pytest
import torch
from torch import Tensor

from dagen.methods.colour_transfer import (
    ColourTransfer,
    match_histogram,
    match_lab,
    match_moments,
)
from dagen.parameters import build_config
from tests.methods.cast import waste_iou
from tests.toy import ToyNetwork, context, setting

MODES = ["reinhard", "histogram", "adain-rgb"]


def _part(mode: str, **values: object) -> ColourTransfer:
    config = build_config(ColourTransfer.Config, {"mode": mode, **values}, "colour-transfer")
    return ColourTransfer(ToyNetwork(2), setting(), config)


def _images() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    image = torch.rand(2, 3, 40, 40, generator=draw) ** 2 * 0.6
    style = 0.3 + 0.6 * torch.rand(2, 3, 30, 50, generator=draw)
    return image, style


def test_moments_are_the_style_s() -> None:
    image, style = _images()
    new = match_moments(image, style)
    for b in range(2):
        for c in range(3):
            assert float(new[b, c].mean()) == pytest.approx(float(style[b, c].mean()), abs=1e-4)
            expected = float(style[b, c].std(correction=0))
            assert float(new[b, c].std(correction=0)) == pytest.approx(expected, abs=1e-4)


def test_lab_moments_are_the_style_s() -> None:
    from kornia.color import rgb_to_lab

    image, style = _images()
    image = 0.4 + 0.2 * image  # colours that exist in RGB after the transfer
    style = 0.5 + 0.1 * style
    new, wanted = rgb_to_lab(match_lab(image, style)), rgb_to_lab(style)
    torch.testing.assert_close(new.mean((2, 3)), wanted.mean((2, 3)), atol=0.3, rtol=0)
    torch.testing.assert_close(new.std((2, 3)), wanted.std((2, 3)), atol=0.3, rtol=0)


def test_histogram_matching_by_sorting() -> None:
    """With as many pixels on both sides, matching is handing out the style's sorted values."""
    image, style = _images()
    image = image[..., :30, :].repeat(1, 1, 1, 2)[..., :50]
    new = match_histogram(image, style)
    slow = torch.empty_like(image)
    for b in range(2):
        for c in range(3):
            order = image[b, c].flatten().argsort()
            slow[b, c].view(-1)[order] = style[b, c].flatten().sort().values
    # Pixels within one of 256 levels share their value: that is some places in the order.
    assert (new - slow).abs().mean() < 0.005
    assert (new - slow).abs().max() < 0.05


def test_histogram_matching_is_monotone_and_keeps_its_own() -> None:
    image, style = _images()
    torch.testing.assert_close(match_histogram(image, image), image, atol=1.01 / 255, rtol=0)
    new = match_histogram(image, style)
    order = image[0, 0].flatten().argsort()
    assert (new[0, 0].flatten()[order].diff() >= -1e-5).all()


def test_a_plain_image_takes_a_plain_colour() -> None:
    image, style = torch.full((1, 3, 8, 8), 0.2), torch.full((1, 3, 8, 8), 0.8)
    for match in (match_moments, match_lab, match_histogram):
        torch.testing.assert_close(match(image, style), style, atol=3e-3, rtol=0)


@pytest.mark.parametrize("mode", MODES)
def test_only_source_images_change_and_stay_in_range(mode: str) -> None:
    ctx = context()
    new = _part(mode).transform(ctx)
    assert new.source is not None
    assert new.source.image.min() >= 0 and new.source.image.max() <= 1
    assert not torch.equal(new.source.image, ctx.source.image)
    assert new.source.label is ctx.source.label
    assert new.target is ctx.batch.target


def test_p_is_the_share_of_images_the_same_in_every_run() -> None:
    changed = 0
    for step in range(30):
        ctx = context(step=step)
        new, again = (_part("adain-rgb", p=0.5).transform(ctx).source for _ in range(2))
        assert new is not None and again is not None
        assert torch.equal(new.image, again.image)
        changed += int((new.image != ctx.source.image).flatten(1).any(1).sum())
    assert 18 <= changed <= 42  # of 60


@pytest.mark.parametrize("mode", MODES)
def test_closes_the_gap_of_a_pale_light(mode: str) -> None:
    before = waste_iou(["supervised"], {})
    after = waste_iou(["colour-transfer"], {"colour-transfer": {"mode": mode}}, steps=40)
    assert after > before + 0.3, (before, after)


@pytest.mark.parametrize("mode", MODES)
def test_bfloat16_runs_keep_the_images_precise(mode: str) -> None:
    plain = _part(mode).transform(context()).source
    with torch.autocast("cpu", torch.bfloat16):
        coarse = _part(mode).transform(context()).source
    assert plain is not None and coarse is not None and coarse.image.dtype == torch.float32
    assert torch.equal(coarse.image, plain.image)
