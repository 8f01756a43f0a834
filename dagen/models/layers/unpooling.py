"""Max-pooling that remembers the position of each maximum, and the matching unpooling.

On a CPU both are PyTorch's own. Elsewhere, and in compiled and exported graphs, they are written
with space-to-depth: the same numbers, and an exported file without a scatter, which would make it
three times as large and OpenVINO six times slower.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def pool_with_argmax(x: Tensor) -> tuple[Tensor, Tensor]:
    """2x2 max-pooling that remembers where each maximum was.

    Args:
        x: (B, C, H, W), H and W even.

    Returns:
        The maxima (B, C, H/2, W/2), and where the first maximum of each four pixels is, for
        :func:`unpool` and :func:`places`.
    """
    if x.device.type == "cpu" and not torch.compiler.is_compiling():
        maxima, indices = F.max_pool2d(x, 2, return_indices=True)
        return maxima, indices
    b, c, h, w = x.shape
    fours = F.pixel_unshuffle(x, 2).view(b, c, 4, h // 2, w // 2)
    pooled, argmax = fours.max(dim=2, keepdim=True)
    return pooled.squeeze(2), argmax == _four(x.device)


class ArgmaxPool(nn.Module):
    """:func:`pool_with_argmax` as a module, whose choices can be read and replaced by hooks."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See :func:`pool_with_argmax`."""
        return pool_with_argmax(x)


def unpool(x: Tensor, where: Tensor) -> Tensor:
    """Max-unpooling: each value returns to the position of its maximum, zeros elsewhere.

    Args:
        x: (B, C, h, w).
        where: what :func:`pool_with_argmax` or :func:`places` says.

    Returns:
        (B, C, 2h, 2w), equal to ``F.max_unpool2d`` with the indices of ``F.max_pool2d``.
    """
    if where.dtype != torch.bool:
        return F.max_unpool2d(x, where, [2, 2])
    spread = torch.where(where, x.unsqueeze(2), x.new_zeros(()))
    return F.pixel_shuffle(spread.flatten(1, 2), 2)


def places(where: Tensor) -> Tensor:
    """The second result of :func:`pool_with_argmax` as it is in an exported file.

    Returns:
        (B, C, 4, h, w) bool, true at the first maximum of each four pixels.
    """
    if where.dtype == torch.bool:
        return where
    side = 2 * where.shape[3]
    place = where // side % 2 * 2 + where % 2
    return place.unsqueeze(2) == _four(where.device)


def _four(device: torch.device) -> Tensor:
    return torch.arange(4, device=device).view(1, 1, 4, 1, 1)
