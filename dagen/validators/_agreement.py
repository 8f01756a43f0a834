"""How far two predictions agree, where nearly all is background."""

from __future__ import annotations

from torch import Tensor

from dagen.scoring.metrics import confusion


def agreement(one: Tensor, other: Tensor, num_classes: int) -> float:
    """Mean IoU of two predictions over all images and all classes, in [0, 1].

    A class that neither predicts counts as 0, where scores leave it out: a network that has
    given up a class, or all but one, agrees with itself perfectly and shall not gain by it.

    Args:
        one: class ids of any shape, int64.
        other: of the same shape; 255 is left out.
        num_classes: C.
    """
    matrix = confusion(one, other, num_classes).double()
    hit = matrix.diag()
    union = matrix.sum(0) + matrix.sum(1) - hit
    return float((hit / union.clamp(min=1)).mean())
