import re

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dagen.models.layers.efficientnet_lite import EPS, EfficientNetLite, same_conv
from dagen.models.layers.pretrained import EFFICIENTNET_LITE0


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [(8, 12), (2, 6)])
def test_padding_is_tensorflows(kernel: int, size: tuple[int, int]) -> None:
    """TensorFlow pads to an output of ceil(size / stride) pixels, the odd zero at the end."""
    conv = same_conv(4, 4, kernel, 2, groups=4)
    x = torch.randn(1, 4, *size, generator=torch.Generator().manual_seed(0))
    weight = dict(conv.named_parameters())["weight"].detach()
    expected = torch.zeros(1, 4, size[0] // 2, size[1] // 2)
    for row in range(size[0] // 2):
        for column in range(size[1] // 2):
            for i in range(kernel):
                for j in range(kernel):
                    y, x_ = 2 * row + i - (kernel - 2) // 2, 2 * column + j - (kernel - 2) // 2
                    if 0 <= y < size[0] and 0 <= x_ < size[1]:
                        expected[0, :, row, column] += x[0, :, y, x_] * weight[:, 0, i, j]
    torch.testing.assert_close(conv(x).detach(), expected)


def test_channels_and_strides_are_the_papers() -> None:
    with torch.device("meta"):
        whole = EfficientNetLite(15)
    assert whole.outputs == {2: 16, 4: 24, 8: 40, 16: 112, 32: 320}
    assert len(whole.blocks) == 16
    with torch.device("meta"):
        cut = EfficientNetLite(10)
    assert cut.outputs == {2: 16, 4: 24, 8: 40, 16: 112}
    assert sum(p.numel() for p in cut.parameters()) == 700_768
    assert all(b.eps == EPS for b in whole.modules() if isinstance(b, torch.nn.BatchNorm2d))


def weights() -> dict[str, Tensor]:
    if EFFICIENTNET_LITE0.find() is None:
        pytest.skip("the extra dagen[lite] is not installed")
    return EFFICIENTNET_LITE0.load()


def test_all_its_weights_have_a_place() -> None:
    given = {re.sub(r"(^|\.)_", r"\1", key): value for key, value in weights().items()}
    whole = EfficientNetLite(15)
    missing, left = whole.load_state_dict(given, strict=False)
    assert missing == []
    assert {key.split(".")[0] for key in left} == {"conv_head", "bn1", "fc"}


def test_it_computes_what_timm_computes_with_the_same_weights() -> None:
    """The reference pads at run time, by the size of each map."""
    timm = pytest.importorskip("timm")
    given = weights()
    reference = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    own = reference.state_dict()
    # Both name the layers in the same order.
    reference.load_state_dict(dict(zip(own, given.values(), strict=True)))
    encoder = EfficientNetLite(15).eval()
    encoder.load_state_dict(
        {re.sub(r"(^|\.)_", r"\1", k): v for k, v in given.items()}, strict=False
    )
    x = torch.randn(2, 3, 96, 160, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        maps = encoder(x)
        expected = reference.bn1(reference.conv_stem(x))
        for stage in reference.blocks:
            expected = stage(expected)
            stride = 96 // expected.shape[2]
            last = {2: 16, 4: 24, 8: 40, 16: 112, 32: 320}[stride]
            if expected.shape[1] == last:  # the last stage of its stride
                torch.testing.assert_close(maps[stride], expected, rtol=1e-4, atol=1e-4)
    assert expected.shape[1:] == (320, 3, 5)
    assert F.cosine_similarity(maps[32].flatten(), expected.flatten(), 0) > 0.9999
