import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from dagen.errors import UsageError
from dagen.methods.base import RunFacts
from dagen.methods.fda import Fda, charbonnier_entropy
from dagen.types import Task
from tests.methods.cast import waste_iou
from tests.toy import ToyNetwork, batch, context, setting


def _part(**values: object) -> Fda:
    return Fda(ToyNetwork(2), setting(), Fda.Config(**values))  # type: ignore[arg-type]


def test_the_formula_of_the_paper_in_numpy() -> None:
    ctx = context()
    b = 3
    new = _part(radius=(b,)).transform(ctx).source
    for i in range(2):
        source, target = (view.image[i].double().numpy() for view in (ctx.source, ctx.target))
        ours = np.fft.fftshift(np.fft.fft2(source), axes=(1, 2))
        theirs = np.fft.fftshift(np.fft.fft2(target), axes=(1, 2))
        amplitude, middle = np.abs(ours), 16
        window = (slice(None), *(slice(middle - b, middle + b + 1),) * 2)
        amplitude[window] = np.abs(theirs)[window]
        mixed = np.fft.ifftshift(amplitude * np.exp(1j * np.angle(ours)), axes=(1, 2))
        expected = np.fft.ifft2(mixed).real.clip(0, 1)
        assert new is not None
        np.testing.assert_allclose(new.image[i].numpy(), expected, atol=1e-5)


def test_the_phase_stays_where_nothing_is_cut_off() -> None:
    ctx = context()
    source, target = ctx.source, ctx.target
    quiet = replace(ctx.batch.source, image=source.image * 0.2 + 0.4)  # type: ignore[type-var]
    calm = replace(ctx.batch.target, image=target.image * 0.2 + 0.3)  # type: ignore[type-var]
    ctx.batch = replace(ctx.batch, source=quiet, target=calm)
    new = _part(radius=(2,)).transform(ctx).source
    assert new is not None
    before, after = torch.fft.fft2(ctx.source.image), torch.fft.fft2(new.image)
    turned = (before * after.conj()).angle().abs() * (before.abs() > 1e-2)
    assert turned.max() < 1e-3
    assert not torch.equal(new.image, ctx.source.image)


def test_only_source_images_change_and_stay_in_range() -> None:
    ctx = context(Task.MATERIAL)
    new = _part(radius=(5,)).transform(ctx)
    assert new.source is not None
    assert new.source.image.min() >= 0 and new.source.image.max() <= 1
    assert new.source.label is ctx.source.label
    assert new.target is ctx.batch.target


def test_one_of_several_radii_is_drawn_for_each_step() -> None:
    part = _part(radius=(0, 2, 9))
    singles = [_part(radius=(radius,)) for radius in (0, 2, 9)]
    drawn = set()
    for step in range(20):
        new = part.transform(context(step=step)).source
        again = part.transform(context(step=step)).source
        assert new is not None and again is not None
        assert torch.equal(new.image, again.image)
        for i, single in enumerate(singles):
            other = single.transform(context(step=step)).source
            assert other is not None
            if torch.equal(new.image, other.image):
                drawn.add(i)
    assert drawn == {0, 1, 2}


def test_robust_entropy_pixel_by_pixel() -> None:
    p = torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(3)).softmax(1)
    total = 0.0
    for pixel in p.movedim(1, -1).reshape(-1, 5).tolist():
        entropy = -sum(q * math.log(q) for q in pixel) / math.log(5)
        total += (entropy**2 + 1e-8) ** 1.5
    assert float(charbonnier_entropy(p, 1.5)) == pytest.approx(total / 24, rel=1e-5)


def test_entropy_has_its_weight_and_can_be_left_out() -> None:
    p = context(step=4).target_out.logits.softmax(1)
    assert _part().losses(context(step=3)) == {}  # a third of ten steps: the source alone
    loss = _part().losses(context(step=4))["entropy"]
    assert float(loss.detach()) == pytest.approx(
        0.005 * float(charbonnier_entropy(p.detach(), 2.0)), rel=1e-5
    )
    ctx = context(step=4)
    assert _part(entropy=0.0).losses(ctx) == {}
    assert ctx.once("target_out", lambda: None) is None  # nobody forwarded the target


@pytest.mark.parametrize("radius", [(), (16,), (2, 40), (-1,)])
def test_a_window_that_does_not_fit(radius: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"fda.radius is .* from 0 to 15"):
        Fda.check(Fda.Config(radius=radius), setting())


def test_a_shorter_target_batch_starts_again() -> None:
    ctx = context()
    ctx.batch = replace(ctx.batch, target=replace(batch(count=1).target, label=None))  # type: ignore[type-var]
    assert _part().transform(ctx).source is not None


def test_closes_the_gap_of_a_pale_light() -> None:
    before = waste_iou(["supervised"], {})
    after = waste_iou(["fda"], {"fda": {"radius": [1], "entropy": 0.0}})
    assert after > before + 0.3, (before, after)


def test_setting_decides_what_fits() -> None:
    facts = RunFacts(task=Task.BINARY, stride=4, steps=10, size=(224, 448))
    Fda.check(Fda.Config(radius=(2, 11, 111)), facts)
    with pytest.raises(UsageError):
        Fda.check(Fda.Config(radius=(112,)), facts)
