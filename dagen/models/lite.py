"""Lite: EfficientNet-Lite0 cut after a block, ImageNet start, 0.8 M parameters (3.3 MB), stride 4.

The encoder is :class:`dagen.models.layers.efficientnet_lite.EfficientNetLite`. The decoder is
dagen's own, a small feature pyramid: 1x1 convolutions bring the maps at strides 16, 8 and 4 to 64,
64 and 32 channels (and that at stride 32, if there is one, to 64, added to stride 16); a gate from
the global average weights the coarsest; one 3x3 convolution joins
strides 16 and 8, a second one joins stride 4. There is no squeeze-and-excitation in the encoder and
ReLU6 throughout, so the network quantises well.

A run starts from ImageNet weights (the extra ``dagen[lite]``) unless it says
``--set model_options.pretrained=false``; it then trains the encoder at 3e-4 and the rest at 1e-3.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from dagen.errors import UsageError, quoted
from dagen.models.base import Network, channels, upsample
from dagen.models.layers import efficientnet_lite
from dagen.models.layers.blocks import check_switch, global_average, initialise
from dagen.models.layers.efficientnet_lite import EfficientNetLite
from dagen.models.layers.pretrained import EFFICIENTNET_LITE0, Pretrained, check_pretrained
from dagen.types import SegOut

_BLOCKS = range(5, 15)
_AT_32 = 11
"""The first block at stride 32."""


class Lite(Network):
    """EfficientNet-Lite0 with a light decoder.

    Args:
        num_classes: number of classes, background included.
        width: scales the channels of encoder and decoder.
        block: number of the encoder's last block: 5 to 10 at stride 16 (from 8 on with 112 channels
            instead of 80), 11 to 14 at stride 32 with 192 channels. With 13 the file has 8.1 MB,
            with 14 a little more than 10,000,000 bytes.
        pretrained: start the encoder from ImageNet weights; only with width and depth 1 and without
            IBN.
        ibn: IBN in the blocks at strides 4 and 8 (Pan et al., ECCV 2018).
        encoder_width: scales those of the encoder alone; None is ``width``.
        decoder_width: scales those of the decoder alone; None is ``width``.
        depth: scales the encoder's numbers of blocks in each stage, as they are up to ``block``.

    Raises:
        UsageError: a value outside its range, or ``pretrained`` at another width or with ``ibn``.
        DagenError: the weights are not here; the message says how to get them.
    """

    stride: ClassVar[int] = 4
    multiple = 16
    taps: ClassVar[tuple[str, ...]] = ("encoder.blocks.0", "encoder.blocks.2")
    encoder_parts: ClassVar[tuple[str, ...]] = ("encoder",)
    start: ClassVar[Pretrained | None] = EFFICIENTNET_LITE0
    default_options: ClassVar[Mapping[str, Any]] = {"pretrained": True}
    pixel_mean: ClassVar[tuple[float, float, float]] = (efficientnet_lite.PIXEL_MEAN,) * 3
    pixel_std: ClassVar[tuple[float, float, float]] = (efficientnet_lite.PIXEL_STD,) * 3

    def __init__(
        self,
        num_classes: int,
        width: float = 1.0,
        block: int = 10,
        pretrained: bool = False,
        ibn: bool = False,
        encoder_width: float | None = None,
        decoder_width: float | None = None,
        depth: float = 1.0,
    ) -> None:
        super().__init__(num_classes, width, encoder_width, decoder_width, depth)
        check_switch("ibn", ibn)
        check_pretrained(pretrained, self.encoder_width, ibn, depth)
        if block not in _BLOCKS or isinstance(block, bool):
            raise UsageError(
                f"block is {quoted(block)}; it must be a whole number from {_BLOCKS[0]} to "
                f"{_BLOCKS[-1]}."
            )
        coarse, middle, fine, last = (
            channels(count, self.decoder_width) for count in (64, 64, 32, 48)
        )
        self.multiple = self.multiple_with({"block": block})
        self.encoder = EfficientNetLite(block, self.encoder_width, ibn, depth)
        self.encoder_maps = tuple(f"encoder.blocks.{self.encoder.ends[s]}" for s in (4, 8, 16))
        at4, at8, at16 = (self.encoder.outputs[stride] for stride in (4, 8, 16))
        self.lateral16 = _conv_norm_act(at16, coarse, 1)
        self.lateral32 = (
            _conv_norm_act(self.encoder.outputs[32], coarse, 1) if block >= _AT_32 else None
        )
        self.lateral8 = _conv_norm_act(at8, middle, 1)
        self.lateral4 = _conv_norm_act(at4, fine, 1)
        self.gate = nn.Sequential(nn.Conv2d(coarse, coarse, 1), nn.Sigmoid())
        self.fuse8 = _conv_norm_act(middle, middle, 3)
        self.fuse4 = _conv_norm_act(middle + fine, last, 3)
        self.head = nn.Conv2d(last, num_classes, 1)
        initialise(self)
        nn.init.normal_(self.head.weight, std=0.01)  # sure of nothing yet: gentle first gradients
        if pretrained:
            load_imagenet(self.encoder)

    @classmethod
    def multiple_with(cls, options: Mapping[str, Any]) -> int:
        """See :meth:`Network.multiple_with`: blocks at stride 32 need sides of that multiple."""
        block = options.get("block")
        return 32 if isinstance(block, int) and block >= _AT_32 else cls.multiple

    def forward(self, image: Tensor) -> SegOut:
        """See :meth:`Network.forward`."""
        maps = self.encoder(self.normalise(image))
        deep = self.lateral16(maps[16])
        if self.lateral32 is not None:
            deep = deep + upsample(self.lateral32(maps[32]), (deep.shape[2], deep.shape[3]))
        deep = deep * self.gate(global_average(deep))
        mid = self.lateral8(maps[8])
        mid = self.fuse8(mid + upsample(deep, (mid.shape[2], mid.shape[3])))
        fine = self.lateral4(maps[4])
        mid = upsample(mid, (fine.shape[2], fine.shape[3]))
        features = self.fuse4(torch.cat((mid, fine), 1))
        return SegOut(self.head(features), features)


def load_imagenet(encoder: EfficientNetLite) -> None:
    """Put the ImageNet weights into an encoder of width 1.

    Raises:
        DagenError: the weights are not here, or the file is damaged.
    """
    given = {re.sub(r"(^|\.)_", r"\1", key): v for key, v in EFFICIENTNET_LITE0.load().items()}
    encoder.load_state_dict({key: given[key] for key in encoder.state_dict()})


def _conv_norm_act(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU6())
