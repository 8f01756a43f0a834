import torch

from dagen.methods.dsu import Dsu, shift_style
from tests.methods.shift import Drift, gap_closed
from tests.toy import ToyNetwork, context, setting


def _part(**values: float) -> Dsu:
    return Dsu(ToyNetwork(2), setting(), Dsu.Config(**values))


def test_statistics_are_shifted_by_their_spread_over_the_batch() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(4, 3, 5, 6, generator=draw) * torch.rand(4, 3, 1, 1, generator=draw) + 1
    noise = torch.randn(2, 4, 3, 1, 1, generator=draw)
    new = shift_style(x, noise[0], noise[1])
    mean, deviation = x.mean((2, 3)), x.std((2, 3), correction=0)
    for b in range(4):
        for c in range(3):
            beta = mean[b, c] + noise[0, b, c, 0, 0] * mean[:, c].std(correction=0)
            gamma = deviation[b, c] + noise[1, b, c, 0, 0] * deviation[:, c].std(correction=0)
            expected = (x[b, c] - mean[b, c]) / deviation[b, c] * gamma + beta
            torch.testing.assert_close(new[b, c], expected, atol=1e-3, rtol=1e-3)


def test_equal_images_keep_their_style_and_finite_gradients() -> None:
    x = torch.randn(1, 3, 5, 5, generator=torch.Generator().manual_seed(0)).repeat(2, 1, 1, 1)
    x.requires_grad_()
    noise = torch.ones(2, 2, 3, 1, 1)
    new = shift_style(x, noise[0], noise[1])
    torch.testing.assert_close(new, x, atol=5e-3, rtol=0)
    new.square().sum().backward()
    assert x.grad is not None and torch.isfinite(x.grad).all()
    single = shift_style(x[:1], noise[0, :1], noise[1, :1])
    assert torch.isfinite(single).all()  # the biased variance of one image is 0


def test_acts_on_training_passes_over_the_source_alone() -> None:
    ctx = context()
    plain = {d: ctx.forward(ctx.source.image, d).features for d in ("source", "target")}
    _part(p=1.0).transform(ctx)
    assert not torch.allclose(ctx.forward(ctx.source.image, "source").features, plain["source"])
    assert torch.equal(ctx.forward(ctx.source.image, "target").features, plain["target"])
    ctx.student.eval()
    calm = ctx.student(ctx.source.image).features
    assert torch.equal(ctx.forward(ctx.source.image, "source").features, calm)


def test_strength_and_probability() -> None:
    ctx = context()
    plain = ctx.forward(ctx.source.image, "source").features
    for values in ({"p": 0.0}, {"p": 1.0, "strength": 0.0}):
        again = context()
        _part(**values).transform(again)
        features = again.forward(again.source.image, "source").features
        torch.testing.assert_close(features, plain, atol=1e-5, rtol=1e-5)
    changed = 0
    for step in range(60):
        other = context(step=step)
        _part().transform(other)
        features = other.forward(other.source.image, "source").features
        changed += not torch.allclose(features, plain, atol=1e-5)
    assert 18 <= changed <= 42


def test_needs_no_target() -> None:
    assert Dsu.streams == {"source"}


def test_it_closes_the_gap_of_more_light_than_it_has_seen() -> None:
    drift = Drift(brighter=0.25, light=0.05)
    assert gap_closed("dsu", drift) > 0.6
    assert gap_closed("dsu", drift, strength=0.0) < 0.1
