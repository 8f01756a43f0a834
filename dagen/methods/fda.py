"""FDA: Fourier domain adaptation (Yang & Soatto, CVPR 2020).

The low-frequency amplitudes of a source image are replaced by those of a target image; the
phase, and with it the shapes and the label, stays. On the target a robust entropy is minimised,
``weight * mean over pixels of (H^2 + 1e-8)^eta`` with H the entropy over log C (the 1e-8 as in
the authors' code).

Deviations: the window is given by its radius in pixels of the spectrum and not by
``beta = radius / shorter side``, because what counts as style does not grow with the image
(the paper's 0.01 is 2 pixels at 224). If several radii are given, one is drawn for each step and
one network learns them all; the paper trains a network for each and averages their predictions,
which a tiny deployed network cannot afford. The entropy is taken at the network's own stride.
Results are clipped to [0, 1]. The paper's further rounds of self-training on pseudo-labels are left
out; add dacs or cbst to the stack for that. The entropy begins
after a third of the steps, the default of the authors' code (50,000 of 150,000): a network that
starts from random weights has nothing yet to be certain of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from dagen.errors import UsageError
from dagen.losses import self_information
from dagen.methods.base import Context, Method, RunFacts
from dagen.methods.shared.pseudo import started
from dagen.methods.shared.style import partners, with_source
from dagen.ops import fourier_swap
from dagen.parameters import NotNegative, Positive, Share
from dagen.types import Batch, Domain


class Fda(Method):
    """Gives source images the low-frequency amplitudes of target images."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            radius: half the side of the window that is swapped, in pixels of the spectrum; if
                several are given, one is drawn for each step. (0.01, 0.05, 0.09 of the paper are 2,
                11 and 20 pixels at 224.)
            entropy: weight of the entropy of target predictions (paper: 0.005); 0 forwards no
                target image.
            start: share of the run's steps before the entropy is minimised (authors' code: a third
                by default, 0 in their published command, from a pretrained network).
            eta: exponent of that entropy; above 0.5, certain pixels matter less (paper: 2).
        """

        radius: tuple[int, ...] = (2,)
        entropy: NotNegative = 0.005
        start: Share = 1 / 3
        eta: Positive = 2.0

    family = "style"
    paper = "Yang & Soatto, CVPR 2020"
    streams: ClassVar[frozenset[Domain]] = frozenset({"source", "target"})

    @classmethod
    def check(cls, config: Config, facts: RunFacts) -> None:
        """Refuse a missing radius and one that does not fit into the image."""
        half = min(facts.size) // 2
        if not config.radius or not all(0 <= radius < half for radius in config.radius):
            raise UsageError(
                f"fda.radius is {list(config.radius)}; give one or more whole numbers from 0 to "
                f"{half - 1}, below half of the image's shorter side."
            )

    def transform(self, ctx: Context) -> Batch:
        """Source images in the target's style; labels and target images stay."""
        radii = self.config.radius
        drawn = int(torch.randint(len(radii), (1,), generator=ctx.generator("fda")))
        image = fourier_swap(ctx.source.image, partners(ctx), radii[drawn]).clamp(0, 1)
        return with_source(ctx.batch, image)

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``entropy`` of the target's predictions, after ``start``."""
        if self.config.entropy == 0 or not started(ctx, self.config.start):
            return {}
        p = ctx.target_out.logits.float().softmax(1)
        return {"entropy": self.config.entropy * charbonnier_entropy(p, self.config.eta)}


def charbonnier_entropy(p: Tensor, eta: float) -> Tensor:
    """Mean over the pixels of (H^2 + 1e-8)^eta, H in [0, 1] the entropy over log C.

    Args:
        p: probabilities, (B, C, h, w).
        eta: above 0.
    """
    return ((self_information(p).sum(1).square() + 1e-8) ** eta).mean()
