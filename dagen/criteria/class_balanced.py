"""Class-balanced loss: weights by the effective number of images (Cui et al., CVPR 2019).

Class c's pixels have the weight ``(1 - beta) / (1 - beta^n_c)``, normalised to a mean of 1 over the
classes that were seen; ``n_c`` is the number of training images with the class. The loss is
cross-entropy or focal loss, each pixel times its class's weight, averaged over the pixels that are
not ignored.

Deviations: an image of the paper has one class; here one with several counts for each of them
(with pixels, of which there are millions, all effective numbers would be the same). ``n_c`` is the
share of the images so far that contain the class, times ``images``. The focal loss is that of the
softmax, where the paper has sigmoids. A class that was not seen yet takes no part in the mean: its
weight would be many times the others', and would make them vanish.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from dagen import losses
from dagen.collective import total
from dagen.criteria.base import Loss
from dagen.parameters import Count, NotNegative


class ClassBalanced(Loss):
    """Cross-entropy or focal loss, weighted by effective numbers.

    Attributes:
        seen: (C,) int64, images with each class so far.
        total: () int64, images so far.
    """

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            beta: 0 weights all classes alike; near 1, weights are inverse to the numbers of images
                (the paper tries 0.9, 0.99, 0.999 and 0.9999).
            images: number of training images, which turns shares of images into their numbers.
            of: the loss that is weighted.
            gamma: of the focal loss.
        """

        beta: Annotated[float, Field(ge=0, lt=1)] = 0.999
        images: Count = 1000
        of: Literal["cross-entropy", "focal"] = "cross-entropy"
        gamma: NotNegative = 2.0

    paper = "Cui et al., CVPR 2019"
    seen: Tensor
    total: Tensor

    def __init__(self, num_classes: int, config: Config) -> None:
        super().__init__(num_classes, config)
        self.register_buffer("seen", torch.zeros(num_classes, dtype=torch.int64))
        self.register_buffer("total", torch.zeros((), dtype=torch.int64))

    def observe(self, label: Tensor) -> None:
        """Count the images and the classes in each."""
        found = [(label == c).flatten(1).any(1).sum() for c in range(self.num_classes)]
        self.seen += total(torch.stack(found))
        self.total += total(self.total.new_tensor(len(label)))

    def weights(self) -> Tensor:
        """(C,) float32 weights; the mean of the classes that were seen is 1."""
        numbers = self.seen.double() / self.total.clamp(min=1) * self.config.images
        effective = (1 - self.config.beta ** numbers.clamp(min=1)) / (1 - self.config.beta)
        weights: Tensor = 1 / effective
        known = self.seen > 0
        return (
            weights / weights[known].mean() if known.any() else torch.ones_like(weights)
        ).float()

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        """See :func:`dagen.losses.focal`, which is cross-entropy for gamma 0."""
        gamma = self.config.gamma if self.config.of == "focal" else 0.0
        return losses.focal(logits, label, gamma, self.weights())
