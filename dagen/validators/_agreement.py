"""Agreement of two predictions of which nearly all pixels are background."""

from __future__ import annotations

from torch import Tensor

from dagen.scoring.metrics import confusion


def agreement(one: Tensor, other: Tensor, num_classes: int) -> float:
    """Mean IoU of two predictions over all images and all classes, in [0, 1].

    A class that neither predicts counts as 0, although scoring leaves it out: a network that has
    given up a class, or all but one, agrees with itself perfectly and should not gain by that.

    Args:
        one: class ids of any shape, int64.
        other: class ids of the same shape; 255 is ignored.
        num_classes: number of classes, C.
    """
    matrix = confusion(one, other, num_classes).double()
    hit = matrix.diag()
    union = matrix.sum(0) + matrix.sum(1) - hit
    return float((hit / union.clamp(min=1)).mean())
