"""Weights that let rare classes of soft maps count more (after Menon et al., ICLR 2021).

Where a map does not know what an object is, the commonest class is the safest answer, and a student
gives it everywhere. Cross-entropy whose terms are divided by the classes' shares is smallest at
answers that are divided by them as well, as if all classes were equally frequent.

Deviation: Menon et al. add the logarithms of the shares to the logits; weights have the same
minimum.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dagen.collective import total

_LEAST = 1e-3
"""A share below it counts as this much, so that no weight is without bounds."""


class Balance(nn.Module):
    """A weight for each foreground class, from its share of the maps so far.

    Attributes:
        mass: (C - 1,) float64, sum of each foreground class's probability over the pixels so far.
    """

    mass: Tensor

    def __init__(self, num_classes: int, power: float) -> None:
        """Nothing was seen yet.

        Args:
            num_classes: number of classes, background included.
            power: weights are the shares to the power of minus this: 0 weights all classes alike,
                1 lets each class count as much as any other in all.
        """
        super().__init__()
        self.power = power
        self.register_buffer("mass", torch.zeros(num_classes - 1, dtype=torch.float64))

    @torch.no_grad()
    def observe(self, soft: Tensor, weight: Tensor) -> None:
        """Count the foreground of (B, C, H, W) maps, each pixel (B, H, W) by its weight."""
        self.mass += total((soft[:, 1:] * weight[:, None]).sum((0, 2, 3)).double())

    def weights(self) -> Tensor:
        """(C - 1,) float32; the mean over the foreground seen so far is 1."""
        seen = self.mass.sum()
        if seen == 0:
            return torch.ones_like(self.mass, dtype=torch.float32)
        shares = (self.mass / seen).clamp(min=_LEAST)
        found = shares**-self.power
        return (found / (found * self.mass / seen).sum()).float()

    def forward(self, soft: Tensor) -> Tensor:
        """The maps (B, C, H, W), each foreground class times its weight."""
        return torch.cat([soft[:, :1], soft[:, 1:] * self.weights()[:, None, None]], 1)
