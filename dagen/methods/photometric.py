"""Photometric randomisation: strong colour, contrast, blur and noise on the images.

The row "source + strong augmentation" that every adaptation method has to beat: brightness,
contrast, saturation, hue, gamma, grey, shuffled channels, blur, noise and solarisation, each
drawn for each image. The set follows the colour augmentation of domain generalization practice
(RobustNet, Choi et al., CVPR 2021: jitter and blur) and RandAugment (solarise); the
augmentations are kornia's (Riba et al., WACV 2020) and run on the images' device.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from dagen.methods.base import Context, Method
from dagen.parameters import Fraction, NotNegative
from dagen.types import Batch, Domain


class Photometric(Method):
    """Randomises the colours of the source images, and of the target's if asked to."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            p: probability that an image is changed at all.
            strength: 0 to 1 and more; scales the ranges of all augmentations. At 1, -0.1 to 0.4 is
                added to the brightness, contrast is multiplied by 0.6 to 1.6 and saturation by
                0.2 to 1.8, hue turns by up to 72 degrees, gamma lies in 1/2 ... 2 and noise has
                a deviation of 0.06.
            target: whether target images, where another part streams them, are changed too.
        """

        p: Fraction = 1.0
        strength: NotNegative = 1.0
        target: bool = False

    family = "generalization"
    paper = "Choi et al., CVPR 2021"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source"})

    def transform(self, ctx: Context) -> Batch:
        """Changed images in [0, 1]; labels stay."""
        source, target = ctx.batch.source, ctx.batch.target
        if source is not None:
            source = replace(source, image=self._change(source.image, ctx, "source"))
        if target is not None and self.config.target:
            target = replace(target, image=self._change(target.image, ctx, "target"))
        return Batch(source, target)

    def _change(self, image: Tensor, ctx: Context, domain: Domain) -> Tensor:
        draw = ctx.generator(f"photometric/{domain}")
        seed = int(torch.randint(2**62, (1,), generator=draw))
        changed = torch.rand(len(image), generator=draw) < self.config.p
        # kornia draws from torch's global state, which belongs to dropout and the like.
        devices = [image.device] if image.device.type == "cuda" else []
        precise = torch.autocast(image.device.type, enabled=False)  # bfloat16 loses image bits
        with torch.random.fork_rng(devices=devices), precise:
            torch.manual_seed(seed)
            new = cast(Tensor, self._augment.to(image.device)(image.float())).clamp(0, 1)
        return torch.where(changed.to(image.device)[:, None, None, None], new, image)

    @cached_property  # not a submodule: kornia's constants do not belong in checkpoints
    def _augment(self) -> nn.Module:
        return augmentation(self.config.strength)


def augmentation(strength: float) -> nn.Module:
    """The chain of kornia augmentations, ``strength`` as in :class:`Photometric.Config`."""
    import kornia.augmentation as K

    def near_one(low: float, high: float) -> tuple[float, float]:
        return max(0.0, 1 - low * strength), 1 + high * strength

    return K.ImageSequential(
        # kornia adds its brightness; a dark belt should be lightened rather than darkened.
        K.ColorJiggle(
            brightness=(max(0.0, 1 - 0.1 * strength), min(2.0, 1 + 0.4 * strength)),
            contrast=near_one(0.4, 0.6),
            saturation=near_one(0.8, 0.8),
            hue=min(0.2 * strength, 0.5),
            p=0.8,
        ),
        K.RandomGamma((2.0**-strength, 2.0**strength), p=0.5),
        K.RandomGrayscale(p=min(0.1 * strength, 1.0)),
        K.RandomChannelShuffle(p=min(0.2 * strength, 1.0)),
        K.RandomSolarize(0.2, 0.1, p=min(0.1 * strength, 1.0)),
        K.RandomGaussianBlur((5, 5), (0.1, 0.1 + 1.5 * strength), p=0.4),
        K.RandomGaussianNoise(0.0, 0.06 * strength, p=0.4),
    )
