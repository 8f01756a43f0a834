"""The contract of a network.

A network is one file with one public :class:`Network`. It takes plain images in [0, 1]
(normalisation is its own first step, so that the deployed file takes plain images too) of any
height and width that are multiples of ``multiple``, and returns logits at its own stride.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dagen import plugins
from dagen.errors import UsageError, quoted, short
from dagen.models.layers.pretrained import Pretrained
from dagen.types import SegOut, Task


class Network(nn.Module):
    """Base of every network.

    Attributes:
        stride: input pixels per logit, along each side.
        multiple: sides of the input must be multiples of this.
        taps: names of early submodules whose outputs carry style (for MixStyle and the like).
        encoder_maps: names of the encoder's submodules whose outputs, (B, D, h, w), may be compared
            with another network's features: the last at each stride, in order of stride.
        aux_weights: weight of each auxiliary head's loss; as many as ``SegOut.aux`` in training.
        lr_scale: factor of the run's learning rate for this network.
        training_only: names of submodules that are used in training only and are not deployed.
        head: the last layer, from ``features`` to ``logits``.
        start: the pretrained encoder that the keyword ``pretrained`` loads; None if there is none.
        encoder_parts: names of the submodules that it fills; they may learn at a rate of their own.
        default_options: keyword arguments that a run gives unless it is told others.
        pixel_mean: subtracted from the pixels, by channel; ImageNet's means by default.
        pixel_std: divides them after that.
        channels: outputs (and inputs) of the layers that were pruned, by name; empty otherwise.
    """

    stride: ClassVar[int] = 1
    multiple: int = 32
    taps: ClassVar[tuple[str, ...]] = ()
    encoder_maps: tuple[str, ...] = ()
    aux_weights: ClassVar[tuple[float, ...]] = ()
    lr_scale: ClassVar[float] = 1.0
    training_only: ClassVar[tuple[str, ...]] = ()
    start: ClassVar[Pretrained | None] = None
    encoder_parts: ClassVar[tuple[str, ...]] = ()
    default_options: ClassVar[Mapping[str, Any]] = {}
    pixel_mean: ClassVar[tuple[float, float, float]] = (0.485, 0.456, 0.406)
    pixel_std: ClassVar[tuple[float, float, float]] = (0.229, 0.224, 0.225)
    head: nn.Module

    def __init__(
        self,
        num_classes: int,
        width: float = 1.0,
        encoder_width: float | None = None,
        decoder_width: float | None = None,
        depth: float = 1.0,
    ) -> None:
        """Build the layers.

        Args:
            num_classes: number of classes, background included, at least 2.
            width: scales the channels of encoder and decoder, above 0.
            encoder_width: scales those of the encoder; None is ``width``.
            decoder_width: scales those of the decoder; None is ``width``.
            depth: scales the numbers of blocks; each stage keeps at least one.

        Raises:
            UsageError: a value outside its range.
        """
        super().__init__()
        if num_classes < 2:
            raise UsageError(f"num_classes is {num_classes}; it must be at least 2.")
        self.num_classes = num_classes
        self.width = width
        self.encoder_width = width if encoder_width is None else encoder_width
        self.decoder_width = width if decoder_width is None else decoder_width
        self.depth = depth
        for name in ("width", "encoder_width", "decoder_width", "depth"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 4:
                raise UsageError(f"{name} is {quoted(value)}; it must be above 0 and at most 4.")
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (self.pixel_mean, self.pixel_std))
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)
        self.mean: Tensor
        self.std: Tensor
        self.channels: dict[str, tuple[int, ...]] = {}

    @classmethod
    def begins(cls, options: Mapping[str, Any]) -> Pretrained | None:
        """The pretrained encoder that a network with these keywords starts from, if any."""
        return cls.start if options.get("pretrained") is True else None

    @classmethod
    def settings(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """Settings of a run with these keywords, where neither user nor recipe gives others.

        A pretrained encoder learns at 3e-4 and the rest at 1e-3; other networks have none.
        """
        return {} if cls.begins(options) is None else {"lr": 1e-3, "encoder_lr_factor": 0.3}

    @property
    def feature_channels(self) -> int:
        """Channels of ``features``: what the head's first convolution takes."""
        for module in self.head.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                return module.in_channels
        raise TypeError("a network's head needs a convolution")

    def ships(self, name: str) -> bool:
        """Whether the parameter or buffer ``name`` is part of the deployed file."""
        return not any(name == part or name.startswith(f"{part}.") for part in self.training_only)

    def deployed(self) -> dict[str, Tensor]:
        """The state dict without what is used in training only."""
        return {name: tensor for name, tensor in self.state_dict().items() if self.ships(name)}

    def in_encoder(self, name: str) -> bool:
        """Whether the parameter ``name`` belongs to the encoder that can be pretrained."""
        return any(name.startswith(f"{part}.") for part in self.encoder_parts)

    def normalise(self, image: Tensor) -> Tensor:
        """``image`` (B, 3, H, W) in [0, 1], normalised by the moments of the encoder's training."""
        return (image - self.mean) / self.std

    @classmethod
    def multiple_with(cls, options: Mapping[str, Any]) -> int:
        """``multiple`` of a network with these options, before it is built."""
        return cls.multiple

    def forward(self, image: Tensor) -> SegOut:
        """Segment a batch.

        Args:
            image: (B, 3, H, W) float32 in [0, 1], sides multiples of ``multiple``.

        Returns:
            ``logits`` (B, C, H / stride, W / stride), ``features`` (the input of ``head``)
            and, in training only, the auxiliary heads' logits at their own strides.
        """
        raise NotImplementedError


def upsample(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear resize of (B, C, h, w) to ``size`` (H, W), corners not aligned."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def channels(count: int, width: float, multiple: int = 4) -> int:
    """``count`` channels scaled by ``width``, rounded to ``multiple``, at least one multiple."""
    if width == 1.0:
        return count
    return max(multiple, int(count * width / multiple + 0.5) * multiple)


def blocks(count: int, depth: float) -> int:
    """``count`` blocks scaled by ``depth``, rounded, at least one."""
    return max(1, int(count * depth + 0.5))


def create_network(model: str, task: Task, width: float, options: dict[str, Any]) -> Network:
    """A network with fresh weights.

    Raises:
        UsageError: an unknown network, or an unknown keyword for it.
    """
    try:
        network: Network = plugins.get("models", model)(task.num_classes, width=width, **options)
    except TypeError as error:
        raise UsageError(f"network {model}: {short(str(error), 200)}.") from None
    return network
