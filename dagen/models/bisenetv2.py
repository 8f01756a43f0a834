"""BiSeNetV2: 2.45 M parameters, stride 8, booster heads in training (Yu et al., IJCV 2021).

Source: "BiSeNet V2: Bilateral Network with Guided Aggregation for Real-time Semantic Segmentation",
arXiv:2004.02147: a wide and shallow detail branch, a narrow and deep semantic branch of
gather-and-expansion layers (table 1), bilateral guided aggregation (figure 6), and booster heads
after the stages of the semantic branch, which are not deployed (section 4.3).

The paper leaves the channels of the segmentation head open; 256 here. With five classes these are
2,454,293 parameters, and a float32 file of 9,911,132 bytes. With 1024 channels there are 3,344,405,
which do not fit 10,000,000 bytes as float32.

Deviations:
    * Bilinear upsampling does not align corners, as everywhere in this package.
    * Batch norm of pooled vectors works for a single image, too; the first one in the context
      embedding has no bias, which would have no gradient.
    * The booster heads have 128 channels, where the paper says only that they are like the head.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dagen.errors import UsageError
from dagen.models.base import Network, blocks, channels, upsample
from dagen.models.layers.blocks import (
    PooledNorm,
    aux_head,
    check_switch,
    conv_norm_act,
    global_average,
    initialise,
    norm,
)
from dagen.types import SegOut

_EXPANSION = 6


def _depthwise(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """A 3x3 convolution of each channel by itself, with ``outputs / inputs`` filters each."""
    conv = nn.Conv2d(inputs, outputs, 3, stride, 1, groups=inputs, bias=False)
    return nn.Sequential(conv, norm(outputs))


class _Stem(nn.Module):
    """Two ways of shrinking the image side by side, to stride 4 (figure 4a)."""

    def __init__(self, outputs: int, ibn: bool) -> None:
        super().__init__()
        inner = max(1, outputs // 2)
        self.first = conv_norm_act(3, outputs, 3, 2, ibn=ibn)
        self.left = nn.Sequential(
            conv_norm_act(outputs, inner, 1), conv_norm_act(inner, outputs, 3, 2)
        )
        self.right = nn.MaxPool2d(3, 2, 1)
        self.last = conv_norm_act(2 * outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        out: Tensor = self.last(torch.cat((self.left(x), self.right(x)), 1))
        return out


class _GatherExpansion(nn.Module):
    """Gather by 3x3, expand by a depthwise convolution, project (figure 5)."""

    def __init__(self, inputs: int, outputs: int, stride: int, ibn: bool = False) -> None:
        super().__init__()
        inner = _EXPANSION * inputs
        expand = [_depthwise(inputs, inner, stride)]
        if stride > 1:
            expand.append(_depthwise(inner, inner))
            self.skip: nn.Module = nn.Sequential(
                _depthwise(inputs, inputs, stride), conv_norm_act(inputs, outputs, 1, act=False)
            )
        else:
            self.skip = nn.Identity()
        self.branch = nn.Sequential(
            conv_norm_act(inputs, inputs, ibn=ibn),
            *expand,
            conv_norm_act(inner, outputs, 1, act=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.branch(x) + self.skip(x))


def _stage(inputs: int, outputs: int, count: int, ibn: bool = False) -> nn.Sequential:
    rest = (_GatherExpansion(outputs, outputs, 1, ibn) for _ in range(count - 1))
    return nn.Sequential(_GatherExpansion(inputs, outputs, 2, ibn), *rest)


class _ContextEmbedding(nn.Module):
    """The global average added to every place (figure 4b)."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.norm = PooledNorm(count)
        # The batch norm after the next convolution takes out whatever a bias would add.
        self.norm.register_parameter("bias", None)
        self.embed = nn.Sequential(
            nn.Conv2d(count, count, 1, bias=False), PooledNorm(count), nn.ReLU()
        )
        self.last = conv_norm_act(count, count)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(x + self.embed(self.norm(global_average(x))))
        return out


class _GuidedAggregation(nn.Module):
    """Each branch gates the other at its own resolution; both are summed (figure 6)."""

    def __init__(self, detail: int, semantic: int, outputs: int) -> None:
        super().__init__()
        self.detail = nn.Sequential(_depthwise(detail, detail), nn.Conv2d(detail, outputs, 1))
        self.detail_down = nn.Sequential(
            conv_norm_act(detail, outputs, 3, 2, act=False), nn.AvgPool2d(3, 2, 1)
        )
        self.semantic = nn.Sequential(
            _depthwise(semantic, semantic), nn.Conv2d(semantic, outputs, 1)
        )
        self.semantic_up = conv_norm_act(semantic, outputs, act=False)
        self.last = conv_norm_act(outputs, outputs)

    def forward(self, detail: Tensor, semantic: Tensor) -> Tensor:
        size = (detail.shape[2], detail.shape[3])
        fine = self.detail(detail) * upsample(self.semantic_up(semantic), size).sigmoid()
        coarse = self.detail_down(detail) * self.semantic(semantic).sigmoid()
        out: Tensor = self.last(fine + upsample(coarse, size))
        return out


class BiSeNetV2(Network):
    """BiSeNetV2.

    Args:
        num_classes: number of classes, background included.
        width: scales the channels of encoder and decoder.
        head_channels: channels of the segmentation head at width 1.
        dropout: probability of dropout before the classifier.
        ibn: IBN in the stem, the first stage of each branch and stage 3 (Pan et al., ECCV 2018).
        encoder_width: scales the channels of both branches; None is ``width``.
        decoder_width: scales those of aggregation and head; None is ``width``.
        depth: scales the numbers of layers in the stages of both branches.

    Raises:
        UsageError: a value outside its range.
    """

    stride: ClassVar[int] = 8
    multiple = 32
    taps: ClassVar[tuple[str, ...]] = ("detail.0", "stem")
    encoder_maps: tuple[str, ...] = ("stem", "stage3", "stage4", "stage5")
    aux_weights: ClassVar[tuple[float, ...]] = (1.0, 1.0, 1.0, 1.0)
    training_only: ClassVar[tuple[str, ...]] = ("boosters",)

    def __init__(
        self,
        num_classes: int,
        width: float = 1.0,
        head_channels: int = 256,
        dropout: float = 0.1,
        ibn: bool = False,
        encoder_width: float | None = None,
        decoder_width: float | None = None,
        depth: float = 1.0,
    ) -> None:
        super().__init__(num_classes, width, encoder_width, decoder_width, depth)
        check_switch("ibn", ibn)
        if not 0 <= dropout < 1:
            raise UsageError(f"dropout is {dropout}; it must be at least 0 and below 1.")
        if not 1 <= head_channels <= 4096:
            raise UsageError(f"head_channels is {head_channels}; it must be from 1 to 4096.")
        thin, wide = (channels(count, self.encoder_width) for count in (64, 128))
        narrow = [channels(count, self.encoder_width) for count in (16, 32, 64, 128)]
        joined, last, aux = (
            channels(count, self.decoder_width) for count in (128, head_channels, 128)
        )
        self.detail = nn.Sequential(
            _convolutions(3, thin, blocks(2, depth), ibn),
            _convolutions(thin, thin, blocks(3, depth)),
            _convolutions(thin, wide, blocks(3, depth)),
        )
        self.stem = _Stem(narrow[0], ibn)
        self.stage3 = _stage(narrow[0], narrow[1], blocks(2, depth), ibn)
        self.stage4 = _stage(narrow[1], narrow[2], blocks(2, depth))
        self.stage5 = nn.Sequential(
            *_stage(narrow[2], narrow[3], blocks(4, depth)), _ContextEmbedding(narrow[3])
        )
        self.aggregation = _GuidedAggregation(wide, narrow[3], joined)
        self.last = nn.Sequential(conv_norm_act(joined, last), nn.Dropout(dropout))
        self.head = nn.Conv2d(last, num_classes, 1)
        self.boosters = nn.ModuleList(aux_head(count, aux, num_classes) for count in narrow)
        initialise(self)

    def forward(self, image: Tensor) -> SegOut:
        """See :meth:`Network.forward`."""
        x = self.normalise(image)
        maps = [self.stem(x)]
        for stage in (self.stage3, self.stage4, self.stage5):
            maps.append(stage(maps[-1]))
        features = self.last(self.aggregation(self.detail(x), maps[-1]))
        heads = zip(self.boosters, maps, strict=True) if self.training else ()
        return SegOut(self.head(features), features, tuple(head(one) for head, one in heads))


def _convolutions(inputs: int, outputs: int, count: int, ibn: bool = False) -> nn.Sequential:
    """3x3 convolutions, the first with stride 2."""
    rest = (conv_norm_act(outputs, outputs) for _ in range(count - 1))
    return nn.Sequential(conv_norm_act(inputs, outputs, 3, 2, ibn=ibn), *rest)
