"""Weights of classes, from the labels seen so far or as given."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from dagen.collective import total
from dagen.errors import UsageError
from dagen.parameters import NotNegative
from dagen.types import IGNORE

Given = Annotated[tuple[NotNegative, ...], Field(min_length=2)]
"""One weight for each class, in the order of their ids."""
Weights = Literal["enet", "inverse"] | Given


class ClassWeights(nn.Module):
    """One weight for each class.

    Attributes:
        counts: (C,) int64, labelled pixels of each class so far.
    """

    counts: Tensor

    def __init__(self, how: Weights, num_classes: int, where: str, constant: float = 1.02) -> None:
        """Build it.

        Args:
            how: ``enet``: ``1 / ln(constant + share)`` with the class's share of all pixels
                (Paszke et al., 2016); ``inverse``: ``1 / (C share)``, so that the mean weight of a
                pixel is 1; or the weights themselves.
            num_classes: number of classes.
            where: name of the loss, for errors.
            constant: of ``enet``.

        Raises:
            UsageError: another number of weights than of classes, or only zeros.
        """
        super().__init__()
        self.how, self.constant = how, constant
        self.register_buffer("counts", torch.zeros(num_classes, dtype=torch.int64))
        if not isinstance(how, str):
            if len(how) != num_classes:
                raise UsageError(
                    f"{where}.weights has {len(how)} numbers; give one for each of the "
                    f"{num_classes} classes, the background first."
                )
            if not any(how):
                raise UsageError(f"{where}.weights are all 0; give a class a weight above 0.")

    def observe(self, label: Tensor) -> None:
        """Count the pixels of (B, H, W) int64 labels."""
        if isinstance(self.how, str):
            self.counts += total(label[label != IGNORE].bincount(minlength=len(self.counts)))

    def forward(self) -> Tensor:
        """(C,) float32 weights.

        A class that was not seen yet has no pixel to weigh; its weight is finite.
        """
        if not isinstance(self.how, str):
            return torch.tensor(self.how, dtype=torch.float32, device=self.counts.device)
        if self.how == "enet":
            shares = self.counts / self.counts.sum().clamp(min=1)
            return 1 / (self.constant + shares).log()
        return self.counts.sum() / (len(self.counts) * self.counts.clamp(min=1))
