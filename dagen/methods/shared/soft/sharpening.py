"""Surer names in soft maps (Berthelot et al., "MixMatch", NeurIPS 2019, equation 7).

A student that sees names with 30 and 25 % everywhere learns their mean, which is the same name
everywhere. Deviation: only the classes of the foreground are sharpened against each other; how
likely a pixel is foreground stays.
"""

from __future__ import annotations

import torch
from torch import Tensor


def sharpened(soft: Tensor, temperature: float) -> Tensor:
    """The maps with surer names.

    Args:
        soft: (B, C, H, W) maps of all classes, which add up to 1; the first is background.
        temperature: above 0; 1 changes nothing, and towards 0 the likeliest name is sure.
    """
    shown = soft[:, 1:]
    largest = shown.amax(1, keepdim=True).clamp(min=torch.finfo(soft.dtype).tiny)
    grown = (shown / largest) ** (1 / temperature)
    share = grown / grown.sum(1, keepdim=True).clamp(min=torch.finfo(soft.dtype).tiny)
    return torch.cat([soft[:, :1], share * shown.sum(1, keepdim=True)], 1)
