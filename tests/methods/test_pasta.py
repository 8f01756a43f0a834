import numpy as np
import torch

from dagen.methods.pasta import Pasta, spread
from dagen.methods.shared.style import dice
from tests.methods.shift import Drift, gap_closed
from tests.toy import ToyNetwork, context, setting


def _part(**values: float) -> Pasta:
    return Pasta(ToyNetwork(2), setting(), Pasta.Config(**values))


def test_deviation_of_every_frequency() -> None:
    alpha, k, beta = 3.0, 2.0, 0.25
    for height, width in ((8, 12), (7, 9)):
        got = spread(torch.empty(1, 3, height, width), alpha, k, beta)
        for i in range(height):
            for j in range(width):
                m = i if i < height / 2 else i - height
                n = j if j < width / 2 else j - width
                r = 2 * ((m * m + n * n) / (height**2 + width**2)) ** 0.5
                np.testing.assert_allclose(float(got[i, j]), (alpha * r) ** k + beta, rtol=1e-5)
        assert float(got[0, 0]) == beta
    assert abs(float(spread(torch.empty(1, 3, 8, 12), alpha, k, beta).max()) - 9.25) < 1e-4


def test_the_formula_of_the_paper_in_numpy() -> None:
    ctx = context()
    new = _part().transform(ctx).source
    noise = dice(ctx, "pasta").normal((2, 3, 32, 32)).double().numpy()
    deviation = spread(ctx.source.image, 3.0, 2.0, 0.25).double().numpy()
    spectrum = np.fft.fft2(ctx.source.image.double().numpy())
    amplitude = np.abs(spectrum) * (1 + deviation * noise)
    expected = np.fft.ifft2(amplitude * np.exp(1j * np.angle(spectrum))).real.clip(0, 1)
    assert new is not None
    np.testing.assert_allclose(new.image.numpy(), expected, atol=1e-4)


def test_labels_and_range_and_no_target() -> None:
    ctx = context()
    new = _part().transform(ctx)
    assert Pasta.streams == {"source"}
    assert new.source is not None and new.source.label is ctx.source.label
    assert new.source.image.min() >= 0 and new.source.image.max() <= 1
    assert new.target is ctx.batch.target


def test_zero_jitter_changes_nothing_and_steps_differ() -> None:
    ctx = context()
    still = _part(alpha=0.0, beta=0.0).transform(ctx).source
    assert still is not None
    torch.testing.assert_close(still.image, ctx.source.image, atol=1e-5, rtol=0)
    one, same, other = (_part().transform(context(step=s)).source for s in (1, 1, 2))
    assert one is not None and same is not None and other is not None
    assert torch.equal(one.image, same.image) and not torch.equal(one.image, other.image)


def test_p_leaves_images_alone() -> None:
    ctx = context()
    new = _part(p=0.0).transform(ctx).source
    assert new is not None and torch.equal(new.image, ctx.source.image)


def test_it_closes_the_gap_of_a_grainy_camera() -> None:
    assert gap_closed("pasta", Drift(grain=0.4)) > 0.6
    assert gap_closed("pasta", Drift(grain=0.4), p=0.0) < 0.1
