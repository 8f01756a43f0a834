"""The residual encoder (He et al., CVPR 2016) with free widths, strides and dilations.

Parameters carry torchvision's names, so that its ImageNet weights fit where the widths do.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from dagen.models.layers.blocks import conv_norm_act, norm


class BasicBlock(nn.Module):
    """Two 3x3 convolutions; the stride sits in the first."""

    expansion = 1

    def __init__(
        self, inputs: int, inner: int, outputs: int, stride: int, dilation: int, ibn: bool = False
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inner, 3, stride, dilation, dilation, bias=False)
        self.bn1 = norm(inner, ibn=ibn)
        self.conv2 = nn.Conv2d(inner, outputs, 3, 1, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        out: Tensor = self.relu(self.bn2(self.conv2(y)) + self.downsample(x))
        return out


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions; the stride sits in the first, as in the paper."""

    expansion = 4

    def __init__(
        self, inputs: int, inner: int, outputs: int, stride: int, dilation: int, ibn: bool = False
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inner, 1, stride, bias=False)
        self.bn1 = norm(inner, ibn=ibn)
        self.conv2 = nn.Conv2d(inner, inner, 3, 1, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        out: Tensor = self.relu(self.bn3(self.conv3(y)) + self.downsample(x))
        return out


Block = type[BasicBlock] | type[Bottleneck]


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return conv_norm_act(inputs, outputs, 1, stride, act=False)


def stage(
    block: Block,
    depth: int,
    inputs: int,
    outputs: int,
    stride: int = 1,
    dilation: int = 1,
    ibn: bool = False,
) -> nn.Sequential:
    """``depth`` blocks; the first changes channels and resolution.

    Args:
        block: :class:`BasicBlock` or :class:`Bottleneck`.
        depth: number of blocks; with 0 the input is the output.
        inputs: channels in.
        outputs: channels out; a bottleneck works inside with a quarter of them.
        stride: stride of the first block.
        dilation: dilation of every 3x3 convolution.
        ibn: whether the first norm of each block is IBN.
    """
    inner = max(1, outputs // block.expansion)
    sizes: Sequence[int] = (inputs, *[outputs] * (depth - 1))[:depth]
    return nn.Sequential(
        *(
            block(size, inner, outputs, stride if number == 0 else 1, dilation, ibn)
            for number, size in enumerate(sizes)
        )
    )
