"""BiSeNet with ResNet-18: 13 M parameters (52 MB), ImageNet weights on request, stride 8.

Source: Yu et al., ECCV 2018, arXiv:1808.00897, the paper's more accurate variant, with its
auxiliary heads of 256 channels. At width 1 it exceeds 10 MB; use it as a teacher, or with a smaller
width.
"""

from typing import ClassVar

from torch import Tensor, nn

from dagen.models.base import blocks, channels
from dagen.models.bisenet import BiSeNet, ContextPath
from dagen.models.layers.pretrained import RESNET18, Pretrained, check_pretrained
from dagen.models.layers.resnet import BasicBlock, stage


class _ResNet18(ContextPath):
    """ResNet-18 without its classifier; torchvision's parameter names."""

    def __init__(self, width: float, depth: float, ibn: bool) -> None:
        super().__init__()
        at4, at8, at16, at32 = (channels(count, width) for count in (64, 128, 256, 512))
        self.conv1 = nn.Conv2d(3, at4, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(at4)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        count = blocks(2, depth)
        self.layer1 = stage(BasicBlock, count, at4, at4, ibn=ibn)
        self.layer2 = stage(BasicBlock, count, at4, at8, stride=2, ibn=ibn)
        self.layer3 = stage(BasicBlock, count, at8, at16, stride=2, ibn=ibn)
        self.layer4 = stage(BasicBlock, count, at16, at32, stride=2)
        self.outputs = (at16, at32)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer3(self.layer2(self.layer1(x)))
        return x, self.layer4(x)


class BiSeNetResNet18(BiSeNet):
    """BiSeNet with a ResNet-18 context path.

    Args:
        num_classes: number of classes, background included.
        width: scales the channels of encoder and decoder.
        pretrained: start the context path from torchvision's ImageNet weights; only with width and
            depth 1 and without IBN.
        ibn: IBN in the shallow stages (Pan et al., ECCV 2018).
        encoder_width: scales the channels of spatial and context path; None is ``width``.
        decoder_width: scales those behind the two paths; None is ``width``.
        depth: scales the numbers of blocks of the context path.

    Raises:
        UsageError: ``pretrained`` at another width or with ``ibn``.
        DagenError: the weights cannot be downloaded, or are damaged.
    """

    aux_channels: ClassVar[int] = 256
    encoder_maps: tuple[str, ...] = (
        "context.layer1",
        "context.layer2",
        "context.layer3",
        "context.layer4",
    )
    start: ClassVar[Pretrained | None] = RESNET18
    encoder_parts: ClassVar[tuple[str, ...]] = ("context",)

    def __init__(
        self,
        num_classes: int,
        width: float = 1.0,
        pretrained: bool = False,
        ibn: bool = False,
        encoder_width: float | None = None,
        decoder_width: float | None = None,
        depth: float = 1.0,
    ) -> None:
        check_pretrained(pretrained, width if encoder_width is None else encoder_width, ibn, depth)
        super().__init__(num_classes, width, ibn, encoder_width, decoder_width, depth)
        if pretrained:
            weights = {k: v for k, v in RESNET18.load().items() if not k.startswith("fc.")}
            self.context.load_state_dict(weights)

    def context_path(self, ibn: bool) -> ContextPath:
        """ResNet-18."""
        return _ResNet18(self.encoder_width, self.depth, ibn)
