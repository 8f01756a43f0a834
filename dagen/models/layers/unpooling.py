"""Max-pooling that remembers the position of each maximum, and the matching unpooling."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def pool_with_argmax(x: Tensor) -> tuple[Tensor, Tensor]:
    """2x2 max-pooling that remembers where each maximum was.

    Args:
        x: (B, C, H, W), H and W even.

    Returns:
        The maxima (B, C, H/2, W/2) and a bool mask (B, C, 4, H/2, W/2) that is true at the first
        maximum of each four pixels.
    """
    b, c, h, w = x.shape
    fours = F.pixel_unshuffle(x, 2).view(b, c, 4, h // 2, w // 2)
    pooled, argmax = fours.max(dim=2, keepdim=True)
    places = torch.arange(4, device=x.device).view(1, 1, 4, 1, 1)
    return pooled.squeeze(2), argmax == places


class ArgmaxPool(nn.Module):
    """:func:`pool_with_argmax` as a module, whose choices can be read and replaced by hooks."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See :func:`pool_with_argmax`."""
        return pool_with_argmax(x)


def unpool(x: Tensor, where: Tensor) -> Tensor:
    """Max-unpooling: each value returns to the position of its maximum, zeros elsewhere.

    Args:
        x: (B, C, h, w).
        where: the mask of :func:`pool_with_argmax`, (B, C, 4, h, w).

    Returns:
        (B, C, 2h, 2w), equal to ``F.max_unpool2d`` with the indices of ``F.max_pool2d``.
    """
    spread = torch.where(where, x.unsqueeze(2), x.new_zeros(()))
    return F.pixel_shuffle(spread.flatten(1, 2), 2)
