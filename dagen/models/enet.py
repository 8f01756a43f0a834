"""ENet: 0.36 M parameters, full-resolution logits (Paszke et al., 2016).

Source: "ENet: A Deep Neural Network Architecture for Real-Time Semantic Segmentation",
arXiv:1606.02147, table 1 and section 4, with what the paper leaves open settled as in the
authors' own code: PReLU per channel in the encoder and ReLU in the decoder, spatial dropout in
the encoder alone, batch norm after the decoder's 1x1 skip convolutions, inner width a quarter
of the output width.

Deviations:
    * Max-unpooling is written with space-to-depth: the same numbers, but it exports and
      quantises (an indexed scatter does neither well).
    * One training run in place of the paper's two (encoder first, then decoder).
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dagen.models.base import Network, channels
from dagen.types import SegOut


def pool_with_argmax(x: Tensor) -> tuple[Tensor, Tensor]:
    """2x2 max-pooling that remembers where each maximum was.

    Args:
        x: (B, C, H, W), H and W even.

    Returns:
        The maxima (B, C, H/2, W/2) and a bool mask (B, C, 4, H/2, W/2) that is true at the
        first largest of each four.
    """
    b, c, h, w = x.shape
    fours = F.pixel_unshuffle(x, 2).view(b, c, 4, h // 2, w // 2)
    pooled, argmax = fours.max(dim=2, keepdim=True)
    places = torch.arange(4, device=x.device).view(1, 1, 4, 1, 1)
    return pooled.squeeze(2), argmax == places


def unpool(x: Tensor, where: Tensor) -> Tensor:
    """Max-unpooling: each value goes back to where its maximum was, zeros elsewhere.

    Args:
        x: (B, C, h, w).
        where: the mask of :func:`pool_with_argmax`, (B, C, 4, h, w).

    Returns:
        (B, C, 2h, 2w), equal to ``F.max_unpool2d`` with the indices of ``F.max_pool2d``.
    """
    spread = torch.where(where, x.unsqueeze(2), x.new_zeros(()))
    return F.pixel_shuffle(spread.flatten(1, 2), 2)


class _Initial(nn.Module):
    """Strided convolution beside max-pooling of the image (figure 2a)."""

    def __init__(self, out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, out - 3, 3, 2, 1, bias=False)
        self.norm = _norm(out)
        self.act = nn.PReLU(out)

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat((self.conv(x), F.max_pool2d(x, 2)), 1)
        out: Tensor = self.act(self.norm(joined))
        return out


class _Bottleneck(nn.Module):
    """Residual block: project, convolve, expand (figure 2b).

    Args:
        width: channels in and out.
        middle: the convolution between the two 1x1 ones, or a chain of them.
        dropout: probability of spatial dropout.
        act: ``nn.PReLU`` or ``_Relu``, called with the number of channels.
    """

    def __init__(
        self,
        width: int,
        dilation: int = 1,
        asymmetric: int = 0,
        *,
        dropout: float = 0.0,
        decoder: bool = False,
    ) -> None:
        super().__init__()
        self.branch = _branch(
            nn.Conv2d(width, _inner(width), 1, bias=False),
            _middle(_inner(width), dilation, asymmetric),
            width,
            dropout,
            decoder,
        )
        self.act = _act(width, decoder)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.act(x + self.branch(x))
        return out


class _Down(nn.Module):
    """Bottleneck that halves the resolution; new channels start at zero on the skip path."""

    def __init__(self, width: int, out: int, dropout: float) -> None:
        super().__init__()
        self.extra = out - width
        self.branch = _branch(
            nn.Conv2d(width, _inner(out), 2, 2, bias=False),
            _middle(_inner(out)),
            out,
            dropout,
            decoder=False,
        )
        self.act = _act(out, decoder=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        pooled, where = pool_with_argmax(x)
        skip = F.pad(pooled, (0, 0, 0, 0, 0, self.extra))
        return self.act(skip + self.branch(x)), where


class _Up(nn.Module):
    """Bottleneck that doubles the resolution, unpooling where the encoder pooled."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        inner = _inner(out)
        self.skip = nn.Sequential(nn.Conv2d(width, out, 1, bias=False), _norm(out))
        self.branch = _branch(
            nn.Conv2d(width, inner, 1, bias=False),
            nn.ConvTranspose2d(inner, inner, 3, 2, 1, output_padding=1, bias=False),
            out,
            0.0,
            decoder=True,
        )
        self.act = _act(out, decoder=True)

    def forward(self, x: Tensor, where: Tensor) -> Tensor:
        out: Tensor = self.act(unpool(self.skip(x), where) + self.branch(x))
        return out


def _inner(width: int) -> int:
    return max(1, width // 4)


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=1e-3)


def _act(width: int, decoder: bool) -> nn.Module:
    return nn.ReLU() if decoder else nn.PReLU(width)


def _middle(width: int, dilation: int = 1, asymmetric: int = 0) -> nn.Module:
    if asymmetric:
        half = asymmetric // 2
        return nn.Sequential(
            nn.Conv2d(width, width, (asymmetric, 1), padding=(half, 0), bias=False),
            nn.Conv2d(width, width, (1, asymmetric), padding=(0, half), bias=False),
        )
    return nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=False)


def _branch(
    first: nn.Module, middle: nn.Module, out: int, dropout: float, decoder: bool
) -> nn.Sequential:
    inner = _inner(out)
    return nn.Sequential(
        first,
        _norm(inner),
        _act(inner, decoder),
        middle,
        _norm(inner),
        _act(inner, decoder),
        nn.Conv2d(inner, out, 1, bias=False),
        _norm(out),
        nn.Dropout2d(dropout),
    )


_CONTEXT = ((1, 0), (2, 0), (1, 5), (4, 0), (1, 0), (8, 0), (1, 5), (16, 0))
"""(dilation, asymmetric kernel) of the eight bottlenecks of stages 2 and 3 (table 1)."""


class ENet(Network):
    """ENet with 16, 64 and 128 channels at width 1."""

    stride: ClassVar[int] = 1
    multiple: ClassVar[int] = 8
    taps: ClassVar[tuple[str, ...]] = ("initial", "stage1")
    aux_weights: ClassVar[tuple[float, ...]] = (1.0,)
    training_only: ClassVar[tuple[str, ...]] = ("aux",)

    def __init__(self, num_classes: int, width: float = 1.0, dropout: float = 0.1) -> None:
        super().__init__(num_classes, width)
        fine, mid, deep = (channels(count, width) for count in (16, 64, 128))
        light = dropout / 10
        self.initial = _Initial(fine)
        self.down1 = _Down(fine, mid, light)
        self.stage1 = nn.Sequential(*(_Bottleneck(mid, dropout=light) for _ in range(4)))
        self.down2 = _Down(mid, deep, dropout)
        self.stage2 = nn.Sequential(
            *(_Bottleneck(deep, *kind, dropout=dropout) for kind in _CONTEXT)
        )
        self.stage3 = nn.Sequential(
            *(_Bottleneck(deep, *kind, dropout=dropout) for kind in _CONTEXT)
        )
        self.up4 = _Up(deep, mid)
        self.stage4 = nn.Sequential(*(_Bottleneck(mid, decoder=True) for _ in range(2)))
        self.up5 = _Up(mid, fine)
        self.stage5 = _Bottleneck(fine, decoder=True)
        self.head = nn.ConvTranspose2d(fine, num_classes, 2, 2)
        self.aux = nn.Conv2d(deep, num_classes, 1)

    def forward(self, image: Tensor) -> SegOut:
        """See :meth:`Network.forward`; logits at full resolution, features at stride 2."""
        x = self.initial(self.normalise(image))
        x, where1 = self.down1(x)
        x, where2 = self.down2(self.stage1(x))
        deep = self.stage3(self.stage2(x))
        x = self.stage4(self.up4(deep, where2))
        features = self.stage5(self.up5(x, where1))
        aux = (self.aux(deep),) if self.training else ()
        return SegOut(self.head(features), features, aux)
