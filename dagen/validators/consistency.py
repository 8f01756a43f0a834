"""Invariance: equal predictions for an image and changed views of it (Deng et al., NeurIPS 2022).

Each target image is predicted mirrored under other light (brightness, contrast curve, colour cast),
and magnified; these predictions, mapped back, are compared with that for the image itself. The
source alone teaches that everything bright is waste: other light changes what is bright, but hardly
affects a litter detector. The paper finds invariance to go with accuracy on unseen domains, and
proposes it for choosing without labels.

Deviations: the paper's effective invariance is a mean over images of the geometric mean of two
confidences, and 0 where the classes differ. With 95 % background that is a figure of the
background; here it is the mean IoU of the hard predictions over all classes, where a class that
appears nowhere counts as 0 (:mod:`dagen.validators._agreement`), averaged over the two views.
The paper rotates images or makes them grey; here the light changes, because litter has no upright
orientation and photographs differ in light.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dagen.models.base import upsample
from dagen.validators._agreement import agreement
from dagen.validators.base import Evidence, Validator

_LIGHT = 0.4
"""Brightness and exponent of the contrast curve change by up to exp(0.4) = 1.5 times, up or
down."""
_CAST = 0.1
"""Each colour channel's gain, up or down."""
_ZOOM = 1.5


class Consistency(Validator):
    """Rewards predictions that do not depend on light, mirroring and size."""

    paper = "Deng et al., NeurIPS 2022"

    def score(self, evidence: Evidence) -> float:
        """In [0, 1]."""
        image, classes = evidence.target_images, evidence.probes.task.num_classes
        own = evidence.target
        lit = relight(image, evidence.generator("consistency")).flip(3)
        mirrored = evidence.ask(lit, "target").prediction.flip(2)
        near = evidence.ask(magnify(image), "target").prediction
        return (
            agreement(mirrored, own.prediction, classes)
            + agreement(near, magnify(own.probability).argmax(1), classes)
        ) / 2


def relight(image: Tensor, generator: torch.Generator) -> Tensor:
    """Each image (N, 3, H, W) under its own light: clamp(gain * cast * x ^ gamma)."""
    count = len(image)
    exponent, gain = (torch.rand(2, count, 1, 1, 1, generator=generator) * 2 - 1) * _LIGHT
    cast = 1 + (torch.rand(count, 3, 1, 1, generator=generator) * 2 - 1) * _CAST
    lit: Tensor = gain.exp() * cast * image.clamp(min=0) ** exponent.exp()
    return lit.clamp(0, 1)


def magnify(x: Tensor) -> Tensor:
    """The middle of x (N, C, H, W), 1.5 times larger, at the same size."""
    height, width = x.shape[-2], x.shape[-1]
    rows, columns = round(height / _ZOOM), round(width / _ZOOM)
    top, left = (height - rows) // 2, (width - columns) // 2
    return upsample(x[..., top : top + rows, left : left + columns], (height, width))
