"""ICNet, slim: three image resolutions, ResNet-18 encoder, 2.1 M parameters, stride 4.

Source: Zhao et al., "ICNet for Real-Time Semantic Segmentation on High-Resolution Images", ECCV
2018, arXiv:1704.08545. The deep network sees the image at a quarter of its size, its first
stages at half, three strided convolutions at full size; cascade feature fusion (CFF) joins
them. What the paper leaves open is settled as in the authors' published network description:
pyramid pooling that sums, no convolution in its levels, dilations 2 and 4 in the last stages.

Deviations:
    * A slim ResNet-18 encoder, since the published one (``icnet-resnet50``) is 27 MB.
    * Resizing does not align corners; halving is thereby the mean of 2x2 pixels.
    * The classifier runs before the last upsampling: the same numbers (both are linear and
      bilinear weights sum to one) for a quarter of the work.

With ``ibn`` the first norm of each residual branch at strides 8 and 16 (of the full image) is
IBN, and so are the two first norms of the light branch.
"""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from dagen.models.base import Network, blocks, channels, upsample
from dagen.models.layers.blocks import check_switch, conv_norm_act, initialise
from dagen.models.layers.pyramid_pooling import pyramid_pool
from dagen.models.layers.resnet import BasicBlock, Block, stage
from dagen.types import SegOut


class _CascadeFusion(nn.Module):
    """CFF: the coarse map upsampled and convolved with dilation 2, plus the projected fine one."""

    def __init__(self, coarse: int, fine: int, outputs: int) -> None:
        super().__init__()
        self.coarse = conv_norm_act(coarse, outputs, 3, dilation=2, act=False)
        self.fine = conv_norm_act(fine, outputs, 1, act=False)

    def forward(self, coarse: Tensor, fine: Tensor) -> tuple[Tensor, Tensor]:
        coarse = upsample(coarse, (fine.shape[2], fine.shape[3]))
        return F.relu(self.coarse(coarse) + self.fine(fine)), coarse


class ICNet(Network):
    """ICNet; subclasses replace the encoder's block, depths and channels.

    Args:
        num_classes: number of classes, background included.
        width: scales the channels of encoder and decoder.
        ibn: IBN in the shallow stages (Pan et al., ECCV 2018).
        encoder_width: scales those of the encoder alone; None is ``width``.
        decoder_width: scales those of the decoder alone; None is ``width``.
        depth: scales the numbers of blocks.

    Raises:
        UsageError: a value outside its range.

    Attributes:
        block: residual block of the encoder.
        depths: blocks of its four stages.
        stem_channels: channels of its three first convolutions.
        stages: channels of its four stages.
        context: channels after pyramid pooling.
        fused: channels of both fusions.
    """

    stride: ClassVar[int] = 4
    multiple = 32
    taps: ClassVar[tuple[str, ...]] = ("stem", "stage2")
    encoder_maps: tuple[str, ...] = ("stage2", "stage3", "deep")
    aux_weights: ClassVar[tuple[float, ...]] = (0.16, 0.4)
    training_only: ClassVar[tuple[str, ...]] = ("aux16", "aux8")
    block: ClassVar[Block] = BasicBlock
    depths: ClassVar[tuple[int, int, int, int]] = (2, 2, 2, 2)
    stem_channels: ClassVar[tuple[int, int, int]] = (16, 16, 24)
    stages: ClassVar[tuple[int, int, int, int]] = (24, 48, 104, 208)
    context: ClassVar[int] = 128
    fused: ClassVar[int] = 96

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
        wide, narrow = self.encoder_width, self.decoder_width
        first, second, third = (channels(count, wide) for count in self.stem_channels)
        two, three, four, five = (channels(count, wide) for count in self.stages)
        thin, light = (channels(count, wide) for count in (32, 64))
        context, fused = (channels(count, narrow) for count in (self.context, self.fused))
        block, depths = self.block, [blocks(count, depth) for count in self.depths]

        self.light = nn.Sequential(
            conv_norm_act(3, thin, 3, 2, ibn=ibn),
            conv_norm_act(thin, thin, 3, 2, ibn=ibn),
            conv_norm_act(thin, light, 3, 2),
        )
        self.stem = nn.Sequential(
            conv_norm_act(3, first, 3, 2),
            conv_norm_act(first, second),
            conv_norm_act(second, third),
            nn.MaxPool2d(3, 2, 1),
        )
        self.stage2 = stage(block, depths[0], third, two, ibn=ibn)
        self.stage3 = stage(block, 1, two, three, stride=2, ibn=ibn)
        self.deep = nn.Sequential(
            stage(block, depths[1] - 1, three, three),
            stage(block, depths[2], three, four, dilation=2),
            stage(block, depths[3], four, five, dilation=4),
        )
        self.squeeze = conv_norm_act(five, context, 1)
        self.fuse16 = _CascadeFusion(context, three, fused)
        self.fuse8 = _CascadeFusion(fused, light, fused)
        self.head = nn.Conv2d(fused, num_classes, 1)
        self.aux16 = nn.Conv2d(context, num_classes, 1)
        self.aux8 = nn.Conv2d(fused, num_classes, 1)
        initialise(self)

    def forward(self, image: Tensor) -> SegOut:
        """See :meth:`Network.forward`; ``features`` have stride 8, logits stride 4."""
        x = self.normalise(image)
        mid = self.stage3(self.stage2(self.stem(F.avg_pool2d(x, 2))))
        low = self.squeeze(pyramid_pool(self.deep(F.avg_pool2d(mid, 2))))
        mid, low = self.fuse16(low, mid)
        features, mid = self.fuse8(mid, self.light(x))
        size = (image.shape[2] // self.stride, image.shape[3] // self.stride)
        logits = upsample(self.head(features), size)
        aux = (self.aux16(low), self.aux8(mid)) if self.training else ()
        return SegOut(logits, features, aux)
