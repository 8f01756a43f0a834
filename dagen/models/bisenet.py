"""BiSeNet with Xception39: 1.5 M parameters, stride 8 (Yu et al., ECCV 2018).

Source: "BiSeNet: Bilateral Segmentation Network for Real-time Semantic Segmentation",
arXiv:1808.00897: a shallow spatial path beside a fast context path, attention refinement (ARM)
on the last two stages, a global-context tail and a feature fusion module (FFM). What the paper
leaves open is settled as in the authors' own code: a 3x3 convolution in front of each ARM, 3x3
refinement after each upsampling, a 3x3 convolution to 64 channels before the classifier.

Deviation: bilinear upsampling does not align corners, as everywhere in this package.

With ``ibn``, the first norm of each residual branch is IBN in all stages of the context path but
the deepest. The spatial path has no branches; there the norms at strides 2 and 4 are IBN.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dagen.models.base import Network, blocks, channels, upsample
from dagen.models.layers.blocks import (
    PooledNorm,
    aux_head,
    check_switch,
    conv_norm_act,
    global_average,
    initialise,
)
from dagen.types import SegOut


def _separable(
    inputs: int, outputs: int, stride: int = 1, act: bool = True, ibn: bool = False
) -> nn.Sequential:
    depthwise = nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False)
    return nn.Sequential(depthwise, *conv_norm_act(inputs, outputs, 1, act=act, ibn=ibn))


class _XceptionBlock(nn.Module):
    """Three separable convolutions with a residual; a strided block projects its input."""

    def __init__(self, inputs: int, outputs: int, stride: int, ibn: bool) -> None:
        super().__init__()
        inner = outputs // 4
        self.skip = _separable(inputs, outputs, stride, act=False) if stride > 1 else nn.Identity()
        self.branch = nn.Sequential(
            _separable(inputs, inner, stride, ibn=ibn),
            _separable(inner, inner),
            _separable(inner, outputs, act=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.skip(x) + self.branch(x))


class ContextPath(nn.Module):
    """A fast encoder: (B, 3, H, W) -> its maps at strides 16 and 32.

    Attributes:
        outputs: channels of the two maps.
    """

    outputs: tuple[int, int]


class _Xception39(ContextPath):
    """64, 128 and 256 channels at strides 8, 16 and 32 (figure 2 and table 1 of the paper)."""

    def __init__(self, width: float, depth: float, ibn: bool) -> None:
        super().__init__()
        thin, at8, at16, at32 = (channels(count, width) for count in (8, 64, 128, 256))
        self.stem = nn.Sequential(conv_norm_act(3, thin, 3, 2), nn.MaxPool2d(3, 2, 1))
        self.layer1 = _xception_layer(blocks(4, depth), thin, at8, ibn)
        self.layer2 = _xception_layer(blocks(8, depth), at8, at16, ibn)
        self.layer3 = _xception_layer(blocks(4, depth), at16, at32)
        self.outputs = (at16, at32)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.layer2(self.layer1(self.stem(x)))
        return x, self.layer3(x)


def _xception_layer(depth: int, inputs: int, outputs: int, ibn: bool = False) -> nn.Sequential:
    rest = (_XceptionBlock(outputs, outputs, 1, ibn) for _ in range(depth - 1))
    return nn.Sequential(_XceptionBlock(inputs, outputs, 2, ibn), *rest)


class _AttentionRefinement(nn.Module):
    """ARM: channels reweighted by a gate from their global average (figure 2b)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = conv_norm_act(inputs, outputs)
        self.gate = nn.Sequential(
            nn.Conv2d(outputs, outputs, 1, bias=False), PooledNorm(outputs), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        out: Tensor = x * self.gate(global_average(x))
        return out


class _FeatureFusion(nn.Module):
    """FFM: both paths joined, then ``x + x * gate`` (figure 2c)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = conv_norm_act(inputs, outputs, 1)
        self.gate = nn.Sequential(
            nn.Conv2d(outputs, outputs, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 1, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, spatial: Tensor, context: Tensor) -> Tensor:
        x = self.conv(torch.cat((spatial, context), 1))
        out: Tensor = x + x * self.gate(global_average(x))
        return out


class BiSeNet(Network):
    """BiSeNet; subclasses replace the context path.

    Args:
        num_classes: number of classes, background included.
        width: scales the channels of encoder and decoder.
        ibn: IBN in the shallow stages (Pan et al., ECCV 2018).
        encoder_width: scales the channels of spatial and context path; None is ``width``.
        decoder_width: scales those behind the two paths; None is ``width``.
        depth: scales the numbers of blocks of the context path.

    Raises:
        UsageError: a value outside its range.

    Attributes:
        aux_channels: channels inside the auxiliary heads.
    """

    stride: ClassVar[int] = 8
    multiple = 32
    taps: ClassVar[tuple[str, ...]] = ("spatial.0", "context.layer1")
    encoder_maps: tuple[str, ...] = ("context.layer1", "context.layer2", "context.layer3")
    aux_weights: ClassVar[tuple[float, ...]] = (1.0, 1.0)
    training_only: ClassVar[tuple[str, ...]] = ("aux16", "aux8")
    aux_channels: ClassVar[int] = 128

    def __init__(
        self,
        num_classes: int,
        width: float = 1.0,
        ibn: bool = False,
        encoder_width: float | None = None,
        decoder_width: float | None = None,
        depth: float = 1.0,
    ) -> None:
        super().__init__(num_classes, width, encoder_width, decoder_width, depth)
        check_switch("ibn", ibn)
        thin, spatial = (channels(count, self.encoder_width) for count in (64, 128))
        last, path, aux = (
            channels(count, self.decoder_width) for count in (64, 128, self.aux_channels)
        )
        self.spatial = nn.Sequential(
            conv_norm_act(3, thin, 7, 2, ibn=ibn),
            conv_norm_act(thin, thin, 3, 2, ibn=ibn),
            conv_norm_act(thin, thin, 3, 2),
            conv_norm_act(thin, spatial, 1),
        )
        self.context = self.context_path(ibn)
        at16, at32 = self.context.outputs
        self.tail = nn.Sequential(nn.Conv2d(at32, path, 1, bias=False), PooledNorm(path), nn.ReLU())
        self.arm32 = _AttentionRefinement(at32, path)
        self.arm16 = _AttentionRefinement(at16, path)
        self.refine32 = conv_norm_act(path, path)
        self.refine16 = conv_norm_act(path, path)
        self.fusion = _FeatureFusion(spatial + path, 2 * path)
        self.last = conv_norm_act(2 * path, last)
        self.head = nn.Conv2d(last, num_classes, 1)
        self.aux16 = aux_head(path, aux, num_classes)
        self.aux8 = aux_head(path, aux, num_classes)
        initialise(self)

    def context_path(self, ibn: bool) -> ContextPath:
        """The encoder of the context path."""
        return _Xception39(self.encoder_width, self.depth, ibn)

    def forward(self, image: Tensor) -> SegOut:
        """See :meth:`Network.forward`."""
        x = self.normalise(image)
        spatial = self.spatial(x)
        at16, at32 = self.context(x)
        deep = self.arm32(at32) + self.tail(global_average(at32))
        deep = self.refine32(upsample(deep, (at16.shape[2], at16.shape[3])))
        mid = self.arm16(at16) + deep
        mid = self.refine16(upsample(mid, (spatial.shape[2], spatial.shape[3])))
        features = self.last(self.fusion(spatial, mid))
        aux = (self.aux16(deep), self.aux8(mid)) if self.training else ()
        return SegOut(self.head(features), features, aux)
