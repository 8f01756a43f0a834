import math

import pytest
import torch
from torch.nn import functional as F

from dagen.errors import UsageError
from dagen.methods.randconv import RandConv, divergence, random_convolution
from dagen.methods.shared.style import Dice
from tests.methods.cast import waste_iou
from tests.toy import ToyNetwork, context, setting

CPU = torch.device("cpu")


def _dice(seed: int = 0) -> Dice:
    return Dice(torch.Generator().manual_seed(seed), CPU)


def _part(**values: object) -> RandConv:
    return RandConv(ToyNetwork(2), setting(), RandConv.Config(**values))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1, 3, 7])
def test_each_image_is_convolved_by_its_own_filter(size: int) -> None:
    image = torch.rand(2, 3, 12, 10, generator=torch.Generator().manual_seed(1))
    got = random_convolution(image, (size,), _dice(), mix=False)
    draw = _dice()
    draw.uniform((2,))  # the sizes
    weight = draw.normal((2, 3, 3, size, size)) / math.sqrt(3 * size * size)
    for i in range(2):
        slow = F.conv2d(image[i][None] - 0.5, weight[i], padding=size // 2)[0] + 0.5
        torch.testing.assert_close(got[i], slow.clamp(0, 1), atol=1e-5, rtol=0)


def test_sizes_are_mixed_and_outputs_keep_the_scale() -> None:
    """Weights of variance 1 / (3 k^2) keep the variance of white noise for every size."""
    noise = 0.5 + 0.05 * torch.randn(400, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    for size in (1, 3, 7):
        out = random_convolution(noise, (size,), _dice(), mix=False)[..., 4:-4, 4:-4]
        assert float((out - 0.5).square().mean().sqrt()) == pytest.approx(0.05, rel=0.1)
    spot = torch.full((200, 3, 15, 15), 0.5)
    spot[..., 7, 7] = 0.7
    touched = (random_convolution(spot, (1, 3, 5, 7), _dice(), mix=False) - 0.5).abs().amax(
        1
    ) > 1e-6
    reach = touched.any(1).sum(1)
    assert set(reach.tolist()) == {1, 3, 5, 7}


def test_mixing_lies_between_the_image_and_its_convolution() -> None:
    image = 0.3 + 0.4 * torch.rand(64, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    plain = random_convolution(image, (3,), _dice(), mix=False)
    mixed = random_convolution(image, (3,), _dice(), mix=True)
    inside = (plain > 0) & (plain < 1)
    low, high = torch.minimum(image, plain), torch.maximum(image, plain)
    assert (mixed >= low - 1e-6)[inside].all() and (mixed <= high + 1e-6)[inside].all()


def test_divergence_view_by_view() -> None:
    log_p = torch.randn(3, 2, 4, 5, 6, generator=torch.Generator().manual_seed(0)).log_softmax(2)
    mean = log_p.exp().mean(0)
    slow = sum(F.kl_div(mean.log(), one, log_target=True, reduction="sum") for one in log_p)
    assert float(divergence(log_p)) == pytest.approx(float(slow) / (2 * 5 * 6), rel=1e-5)
    assert float(divergence(log_p[:1].expand(3, -1, -1, -1, -1))) == pytest.approx(0, abs=1e-6)


def test_the_supervised_loss_sees_the_first_of_three_views() -> None:
    ctx, part = context(), _part()
    ctx.batch = part.transform(ctx)
    views: list[torch.Tensor] = ctx.once("randconv/views", list)
    assert len(views) == 3
    assert torch.equal(ctx.source.image, views[0])
    assert not torch.equal(views[0], views[1]) and not torch.equal(views[1], views[2])
    loss = part.losses(ctx)["consistency"]
    outs = [ctx.student(view).logits.log_softmax(1) for view in views]
    assert loss.item() == pytest.approx(divergence(torch.stack(outs)).item(), rel=1e-4)
    loss.backward()
    assert all(p.grad is not None for p in ctx.student.parameters())


def test_weight_and_its_absence() -> None:
    def loss(**values: object) -> dict[str, torch.Tensor]:
        ctx, part = context(), _part(**values)
        ctx.batch = part.transform(ctx)
        return part.losses(ctx)

    one, ten = loss()["consistency"], loss(consistency=10.0)["consistency"]
    assert ten.item() == pytest.approx(10 * one.item(), rel=1e-5)
    assert loss(consistency=0.0) == {} and loss(views=1) == {}


def test_labels_range_repeatability_and_no_target() -> None:
    ctx = context()
    new, again = _part().transform(ctx), _part().transform(context())
    assert RandConv.streams == {"source"}
    assert new.source is not None and again.source is not None
    assert new.source.label is ctx.source.label and new.target is ctx.batch.target
    assert new.source.image.min() >= 0 and new.source.image.max() <= 1
    assert torch.equal(new.source.image, again.source.image)


@pytest.mark.parametrize("sizes", [(), (2,), (1, 4)])
def test_even_kernels_are_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"randconv.sizes is .* odd"):
        RandConv.check(RandConv.Config(sizes=sizes), setting())


def test_helps_under_a_pale_light() -> None:
    before, after = waste_iou(["supervised"], {}), waste_iou(["randconv"], {}, steps=40)
    assert after > before + 0.1, (before, after)
