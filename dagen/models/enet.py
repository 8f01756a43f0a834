"""ENet: 0.36 M parameters, full-resolution logits (Paszke et al., 2016).

Source: "ENet: A Deep Neural Network Architecture for Real-Time Semantic Segmentation",
arXiv:1606.02147. What the paper leaves open is settled as in the authors'
own code: inner width a quarter of the output width, batch norm after the decoder's 1x1 skip
convolutions, spatial dropout in the encoder alone, a 2x2 transposed convolution as the head.

Deviations:
    * Exported files write max-unpooling with space-to-depth: the same numbers, and they quantise
      (an indexed scatter does not).
    * PReLU in the decoder too, as the paper's text has it; the authors' code has ReLU there and
      learns more slowly (belt materials, decoder alone over a frozen encoder, 180 steps at
      2e-3: training cross-entropy 0.33 with ReLU, 0.26 with PReLU).
    * Transposed convolutions start as interpolation and not at random (0.22 -> 0.18 in the same
      trial at 5e-3, hence also ``lr_scale``).
    * The paper trains the encoder first, with a classifier of its own, and then the decoder.
      Here that classifier is an auxiliary head and both are trained at once.
    * No bias in front of batch norm, where it would have no effect.

With ``ibn`` the first norm of each branch in the encoder's stages 1 and 2 is IBN.
"""

import itertools
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dagen.errors import UsageError
from dagen.models.base import Network, blocks, channels
from dagen.models.layers.blocks import check_switch, norm
from dagen.models.layers.prelu import PReLU
from dagen.models.layers.unpooling import ArgmaxPool, unpool
from dagen.types import SegOut

_DILATIONS = (1, 2, 0, 4, 1, 8, 0, 16)
"""Of the bottlenecks 2.1 to 2.8 of table 1; 0 stands for an asymmetric convolution."""


def _branch(
    first: nn.Conv2d, middle: nn.Module, outputs: int, dropout: float = 0.0, ibn: bool = False
) -> nn.Sequential:
    """Project (``first``), convolve (``middle``) and expand to ``outputs`` (figure 2b)."""
    inner = first.out_channels
    return nn.Sequential(
        first,
        _norm(inner, ibn),
        PReLU(inner),
        middle,
        _norm(inner),
        PReLU(inner),
        nn.Conv2d(inner, outputs, 1, bias=False),
        _norm(outputs),
        nn.Dropout2d(dropout),
    )


def _inner(outputs: int, width: float = 1.0) -> int:
    return max(1, int(outputs // 4 * width))


def _norm(width: int, ibn: bool = False) -> nn.Module:
    return norm(width, ibn=ibn, eps=1e-3)


def _square(width: int, dilation: int = 1) -> nn.Module:
    return nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=False)


def _asymmetric(width: int) -> nn.Module:
    """A 5x5 convolution split into 5x1 and 1x5."""
    return nn.Sequential(
        nn.Conv2d(width, width, (5, 1), padding=(2, 0), bias=False),
        nn.Conv2d(width, width, (1, 5), padding=(0, 2), bias=False),
    )


class _Initial(nn.Module):
    """Strided convolution of the image beside its max-pooling (figure 2a)."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, outputs - 3, 3, 2, 1, bias=False)
        self.norm = _norm(outputs)
        self.act = PReLU(outputs)

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat((self.conv(x), F.max_pool2d(x, 2)), 1)
        out: Tensor = self.act(self.norm(joined))
        return out


class _Bottleneck(nn.Module):
    """Residual bottleneck at one resolution around the convolution ``middle``."""

    def __init__(
        self, width: int, middle: nn.Module, inner: int, dropout: float = 0.0, ibn: bool = False
    ) -> None:
        super().__init__()
        project = nn.Conv2d(width, inner, 1, bias=False)
        self.branch = _branch(project, middle, width, dropout, ibn)
        self.act = PReLU(width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.act(x + self.branch(x))
        return out


class _Down(nn.Module):
    """Bottleneck that halves the resolution; the skip path pools and pads with zero channels."""

    def __init__(self, inputs: int, outputs: int, dropout: float, ibn: bool) -> None:
        super().__init__()
        inner = _inner(outputs)
        self.extra = outputs - inputs
        project = nn.Conv2d(inputs, inner, 2, 2, bias=False)
        self.branch = _branch(project, _square(inner), outputs, dropout, ibn)
        self.act = PReLU(outputs)
        self.pool = ArgmaxPool()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        pooled, where = self.pool(x)
        skip = F.pad(pooled, (0, 0, 0, 0, 0, self.extra))
        return self.act(self.branch(x) + skip), where  # branch first: see `_Up.forward`


class _Up(nn.Module):
    """Bottleneck that doubles the resolution; the skip path unpools where the encoder pooled."""

    def __init__(self, inputs: int, outputs: int, inner: int) -> None:
        super().__init__()
        self.skip = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), _norm(outputs))
        project = nn.Conv2d(inputs, inner, 1, bias=False)
        double = nn.ConvTranspose2d(inner, inner, 3, 2, 1, output_padding=1, bias=False)
        self.branch = _branch(project, double, outputs)
        self.act = PReLU(outputs)
        _interpolate(double)

    def forward(self, x: Tensor, where: Tensor) -> Tensor:
        # A sum has the memory layout of its first term. The branch is channels-last; a trunk in
        # another layout would make training on a CPU take two thirds longer.
        out: Tensor = self.act(self.branch(x) + unpool(self.skip(x), where))
        return out


@torch.no_grad()
def _interpolate(double: nn.ConvTranspose2d) -> None:
    """Start as bilinear interpolation of each channel (Long et al., CVPR 2015).

    Random weights would code the same thing differently at each of the four places of a window, and
    the few channels that follow would need long to learn all four.
    """
    tent = torch.tensor([0.5, 1.0, 0.5])
    identity = torch.eye(double.in_channels)[:, :, None, None]
    double.weight.copy_(identity * torch.outer(tent, tent))


def _context(width: int, count: int, dropout: float, ibn: bool = False) -> nn.Sequential:
    """The bottlenecks 2.1 to 2.8 of table 1, which stage 3 repeats: the first ``count``."""
    inner = _inner(width)
    dilations = itertools.islice(itertools.cycle(_DILATIONS), count)
    middles = [_square(inner, d) if d else _asymmetric(inner) for d in dilations]
    return nn.Sequential(*(_Bottleneck(width, middle, inner, dropout, ibn) for middle in middles))


def _plain(
    width: int, count: int, inner: int, dropout: float = 0.0, ibn: bool = False
) -> nn.Sequential:
    middles = (_square(inner) for _ in range(count))
    return nn.Sequential(*(_Bottleneck(width, middle, inner, dropout, ibn) for middle in middles))


class ENet(Network):
    """ENet with 16, 64 and 128 channels at width 1.

    Args:
        num_classes: number of classes, background included.
        width: scales the channels of encoder and decoder.
        dropout: probability of spatial dropout in stages 2 and 3; a tenth of it in stage 1.
        ibn: IBN in stages 1 and 2 (Pan et al., ECCV 2018).
        encoder_width: scales the channels of the encoder alone; None is ``width``. The decoder's
            trunk has as many as the encoder where it unpools, so they are scaled with it.
        decoder_width: scales the channels inside the decoder's bottlenecks, relative to a trunk of
            width 1; None is ``width``.
        depth: scales the numbers of bottlenecks of stages 1 to 5.

    Raises:
        UsageError: a value outside its range.
    """

    stride: ClassVar[int] = 1
    multiple = 8
    taps: ClassVar[tuple[str, ...]] = ("initial", "stage1")
    encoder_maps: tuple[str, ...] = ("stage1", "stage3")
    aux_weights: ClassVar[tuple[float, ...]] = (1.0,)
    lr_scale: ClassVar[float] = 2.5
    training_only: ClassVar[tuple[str, ...]] = ("aux",)

    def __init__(
        self,
        num_classes: int,
        width: float = 1.0,
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
        fine, middle, deep = (channels(count, self.encoder_width) for count in (16, 64, 128))
        # Relative to the trunk, so that equal widths give a quarter of its channels.
        narrow = self.decoder_width / self.encoder_width
        at4, at2 = _inner(middle, narrow), _inner(fine, narrow)
        self.initial = _Initial(fine)
        self.down1 = _Down(fine, middle, dropout / 10, ibn)
        self.stage1 = _plain(middle, blocks(4, depth), _inner(middle), dropout / 10, ibn)
        self.down2 = _Down(middle, deep, dropout, ibn)
        self.stage2 = _context(deep, blocks(8, depth), dropout, ibn)
        self.stage3 = _context(deep, blocks(8, depth), dropout)
        self.up4 = _Up(deep, middle, at4)
        self.stage4 = _plain(middle, blocks(2, depth), at4)
        self.up5 = _Up(middle, fine, at2)
        self.stage5 = _plain(fine, blocks(1, depth), at2)
        self.head = nn.ConvTranspose2d(fine, num_classes, 2, 2)
        self.aux = nn.Conv2d(deep, num_classes, 1)
        with torch.no_grad():  # the same classifier at all four places of a window
            self.head.weight.copy_(self.head.weight[:, :, :1, :1].expand_as(self.head.weight))

    def forward(self, image: Tensor) -> SegOut:
        """See :meth:`Network.forward`; ``features`` have stride 2, logits stride 1."""
        x, where1 = self.down1(self.initial(self.normalise(image)))
        x, where2 = self.down2(self.stage1(x))
        deep = self.stage3(self.stage2(x))
        x = self.stage4(self.up4(deep, where2))
        features = self.stage5(self.up5(x, where1))
        aux = (self.aux(deep),) if self.training else ()
        return SegOut(self.head(features), features, aux)
