"""Logits and labels for the losses, and their probabilities pixel by pixel."""

import math

import torch
from torch import Tensor

from dagen.types import IGNORE

C = 4


def draw(
    seed: int = 0, shape: tuple[int, ...] = (2, C, 3, 5), *, known: bool = False
) -> tuple[Tensor, Tensor]:
    """Float64 logits, and a label of the same size.

    Class 3 is absent and some pixels are ignored, unless ``known``: then all classes and pixels are
    there.
    """
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(shape, generator=generator, dtype=torch.float64) * 2
    label = torch.randint(0, C if known else 3, (shape[0], *shape[2:]), generator=generator)
    if not known:
        label[:, 0, :2] = IGNORE
    return logits, label


def pixels(logits: Tensor, label: Tensor) -> list[tuple[list[float], int]]:
    """(probabilities, class) of every pixel that counts."""
    found = []
    for place in (label != IGNORE).nonzero().tolist():
        powers = [math.exp(v) for v in logits[place[0], :, *place[1:]].tolist()]
        found.append(([v / sum(powers) for v in powers], int(label[*place])))
    return found


def counts(label: Tensor) -> list[int]:
    """Pixels of each class."""
    return [int((label == c).sum()) for c in range(C)]
