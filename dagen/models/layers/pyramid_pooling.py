"""Pyramid pooling that sums its levels, in PyTorch and as ONNX can express it.

Source: Zhao et al., "Pyramid Scene Parsing Network", CVPR 2017, arXiv:1612.01105, as the authors'
network of ICNet (ECCV 2018) has it: the levels are resized and added, without convolutions.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def pyramid_pool(x: Tensor, bins: tuple[int, ...] = (1, 2, 3, 6)) -> Tensor:
    """``x`` plus its averages over grids of ``bins`` x ``bins`` windows, resized and summed.

    Windows have one size and overlap where a side is not a multiple of the bins, as in the authors'
    network; a side of fewer pixels than bins is pooled to its pixels.

    An exported network computes the same as products of matrices (:func:`pooling_matrix`), because
    the windows of a pooling in ONNX are constants, and these depend on the size of the image.

    Args:
        x: (B, C, H, W).
        bins: windows per side of each level.
    """
    height, width = x.shape[2], x.shape[3]
    out = x
    if torch.compiler.is_exporting():
        for bin_count in bins:
            out = out + pooling_matrix(height, bin_count) @ x @ pooling_matrix(width, bin_count).T
        return out
    for bin_count in bins:
        rows, columns = min(bin_count, height), min(bin_count, width)
        step = (height // rows, width // columns)
        window = (height - (rows - 1) * step[0], width - (columns - 1) * step[1])
        level = F.avg_pool2d(x, window, step)
        out = out + F.interpolate(level, (height, width), mode="bilinear", align_corners=False)
    return out


def pooling_matrix(side: int, bins: int) -> Tensor:
    """(side, side) matrix that averages a column over the bins, and resizes these to the column.

    It holds arithmetic on ``arange(side)`` alone, so that an export leaves the side free.

    Args:
        side: pixels of the column; a symbol while a network is exported.
        bins: windows.
    """
    place = torch.arange(side).float()
    pixels = place[-1] + 1
    count = pixels.clamp(max=bins)
    step = torch.floor(pixels / count)
    window = pixels - (count - 1) * step

    def averages(bin_of: Tensor) -> Tensor:
        """Row i averages the window of the bin ``bin_of[i]``."""
        first = (bin_of * step)[:, None]
        return ((place >= first) & (place < first + window)).float() / window

    # Bilinear, corners not aligned: pixel i lies between two bins.
    at = ((place + 0.5) * count / pixels - 0.5).clamp(min=0)
    before = at.floor()
    after = torch.minimum(before + 1, count - 1)
    share = (at - before)[:, None]
    return (1 - share) * averages(before) + share * averages(after)
