"""PASTA: proportional amplitude spectrum augmentation (Chattopadhyay et al., ICCV 2023).

The amplitude at each frequency is multiplied by a draw from N(1, s^2) with
``s = (alpha r)^k + beta``, where r runs from 0 at zero frequency to 1 at the highest:
high frequencies, in which synthetic and real images differ most, vary most. The phase stays.

As in the authors' code the draws of a frequency and its mirror image are independent and the
real part is kept, so that the effective deviation is s over the square root of 2; a negative
factor is allowed; results are clipped to [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from dagen.methods.base import Context, Method
from dagen.methods.shared.style import dice, with_source
from dagen.parameters import Fraction, NotNegative
from dagen.types import Batch, Domain


class Pasta(Method):
    """Jitters the amplitude spectrum of source images, high frequencies more."""

    @dataclass(frozen=True)
    class Config:
        """Parameters, their defaults the paper's.

        Attributes:
            alpha: factor of the relative frequency.
            k: exponent of the relative frequency.
            beta: deviation at every frequency.
            p: probability that an image is changed.
        """

        alpha: NotNegative = 3.0
        k: NotNegative = 2.0
        beta: NotNegative = 0.25
        p: Fraction = 1.0

    family = "generalization"
    paper = "Chattopadhyay et al., ICCV 2023"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source"})

    def transform(self, ctx: Context) -> Batch:
        """Source images with jittered amplitudes; labels stay."""
        image, draw, how = ctx.source.image, dice(ctx, "pasta"), self.config
        factor = 1 + spread(image, how.alpha, how.k, how.beta) * draw.normal(tuple(image.shape))
        new = torch.fft.ifft2(torch.fft.fft2(image.float()) * factor).real.clamp(0, 1)
        changed = draw.chance((len(image), 1, 1, 1), how.p)
        return with_source(ctx.batch, torch.where(changed > 0, new, image))


def spread(image: Tensor, alpha: float, k: float, beta: float) -> Tensor:
    """Deviation of the amplitude factor at each frequency, (H, W) in the order of ``fft2``."""
    height, width = image.shape[-2:]
    m = torch.fft.fftfreq(height, 1 / height, device=image.device)[:, None]
    n = torch.fft.fftfreq(width, 1 / width, device=image.device)[None]
    r = 2 * ((m.square() + n.square()) / (height**2 + width**2)).sqrt()
    deviation: Tensor = (alpha * r) ** k + beta
    return deviation
