"""The encoder of EfficientNet-Lite0, cut after one of its blocks.

Sources: Tan & Le, "EfficientNet", ICML 2019, arXiv:1905.11946, and its Lite variants for mobile
devices (Liu, 2020): no squeeze-and-excitation, ReLU6 instead of swish. Both quantise well.

The weights were trained in TensorFlow, and three of its habits come with them: batch norm adds 1e-3
to the variance, pixels are (x - 127) / 128, and a convolution of stride 2 pads the right and lower
sides more than the others ("same" padding). For even sides, which :class:`~dagen.models.lite.Lite`
demands, that padding is constant, and ONNX has it as an attribute of the convolution.

Each habit was checked on photographs of litter: by how far the statistics of every layer's inputs
lie from the running ones, and by ImageNet's classes of bottles, cans and bags. Pixels normalised by
ImageNet's moments, or 1e-5 in batch norm, are clearly worse. Equal padding classifies as well (it
only shifts the image), but its predictions are less sure (entropy 4.58 instead of 4.26 on 181
photographs): the borders are not those of the training.

Parameters carry the names of the file with the weights, without its underscores.
"""

from torch import Tensor, nn

from dagen.models.base import blocks, channels
from dagen.models.layers.blocks import norm

EPS = 1e-3
"""Added to the variances by batch norm."""
PIXEL_MEAN = 127 / 255
PIXEL_STD = 128 / 255

_STEM = 32
_STAGES = (
    # blocks, kernel, stride, expansion, channels
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_IBN_STRIDES = (4, 8)


def same_conv(inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> nn.Module:
    """A convolution without bias, padded as by TensorFlow for even sides.

    Args:
        inputs: channels in.
        outputs: channels out.
        kernel: side of the kernel, odd.
        stride: 1 or 2.
        groups: groups of channels.
    """
    if stride == 1:
        return nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2, groups=groups, bias=False)
    before, after = (kernel - 2) // 2, (kernel - 1) // 2
    return _PaddedConv(inputs, outputs, kernel, stride, (before, after), groups)


class _PaddedConv(nn.Conv2d):
    """A convolution with more zeros after the image than before it."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int,
        padding: tuple[int, int],
        groups: int,
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.pad = nn.ZeroPad2d((*padding, *padding))

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(self.pad(input))


class InvertedResidual(nn.Module):
    """MBConv: 1x1 expansion, depthwise convolution, linear 1x1 projection (Sandler et al., 2018).

    Args:
        inputs: channels in.
        outputs: channels out.
        kernel: side of the depthwise kernel.
        stride: its stride.
        expansion: channels inside per channel in; with 1 there is no expanding convolution.
        ibn: whether the first norm is IBN.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int, ibn: bool = False
    ) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expands = expansion > 1
        if self.expands:
            self.expand_conv = nn.Conv2d(inputs, inner, 1, bias=False)
            self.bn0 = norm(inner, ibn=ibn, eps=EPS)
        self.depthwise_conv = same_conv(inner, inner, kernel, stride, inner)
        self.bn1 = norm(inner, eps=EPS)
        self.project_conv = nn.Conv2d(inner, outputs, 1, bias=False)
        self.bn2 = norm(outputs, eps=EPS)
        self.act = nn.ReLU6()
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        y = self.act(self.bn0(self.expand_conv(x))) if self.expands else x
        y = self.act(self.bn1(self.depthwise_conv(y)))
        y = self.bn2(self.project_conv(y))
        out: Tensor = x + y if self.shortcut else y
        return out


class EfficientNetLite(nn.Module):
    """The stem and the blocks up to one of them.

    Args:
        last: number of the last block at depth 1, 0 to 15.
        width: scales the channels.
        ibn: IBN in the blocks at strides 4 and 8.
        depth: scales the numbers of blocks that each stage then has, at least one.

    Attributes:
        outputs: channels of the last map at each stride, by stride.
        ends: number of the last block at each stride, by stride.
    """

    def __init__(
        self, last: int, width: float = 1.0, ibn: bool = False, depth: float = 1.0
    ) -> None:
        super().__init__()
        size = channels(_STEM, width)
        self.conv_stem = same_conv(3, size, 3, 2)
        self.bn0 = norm(size, eps=EPS)
        self.act = nn.ReLU6()
        self.blocks = nn.ModuleList()
        self.outputs: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        self._strides: list[int] = []
        reached, left = 2, last + 1
        for count, kernel, stride, expansion, base in _STAGES:
            kept = min(count, left)
            left -= kept
            if not kept:
                return
            reached *= stride
            for number in range(blocks(kept, depth)):
                out = channels(base, width)
                self.ends[reached] = len(self.blocks)
                self.blocks.append(
                    InvertedResidual(
                        size,
                        out,
                        kernel,
                        stride if number == 0 else 1,
                        expansion,
                        ibn and reached in _IBN_STRIDES,
                    )
                )
                size = self.outputs[reached] = out
                self._strides.append(reached)

    def forward(self, x: Tensor) -> dict[int, Tensor]:
        """The last map at each stride, by stride, from normalised pixels (B, 3, H, W)."""
        x = self.act(self.bn0(self.conv_stem(x)))
        found: dict[int, Tensor] = {}
        for block, stride in zip(self.blocks, self._strides, strict=True):
            x = found[stride] = block(x)
        return found
