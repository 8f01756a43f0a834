"""ICNet as published: ResNet-50 with half its channels, 6.7 M parameters (27 MB), stride 4.

Source: Zhao et al., ECCV 2018, arXiv:1704.08545, with the channels of the network that its authors
released, after pruning it by half; width 2 is the network before pruning. It does not fit 10 MB; a
smaller width or :mod:`dagen.models.icnet` does.
"""

from typing import ClassVar

from dagen.models.icnet import ICNet
from dagen.models.layers.resnet import Block, Bottleneck


class ICNetResNet50(ICNet):
    """ICNet with the published encoder."""

    block: ClassVar[Block] = Bottleneck
    depths: ClassVar[tuple[int, int, int, int]] = (3, 4, 6, 3)
    stem_channels: ClassVar[tuple[int, int, int]] = (32, 32, 64)
    stages: ClassVar[tuple[int, int, int, int]] = (128, 256, 512, 1024)
    context: ClassVar[int] = 256
    fused: ClassVar[int] = 128
