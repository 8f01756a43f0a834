"""How far two networks agree on images, without labels.

The foreground of a set of masks is the set of all its pairs of pixel and class, the background left
out. The *loss of agreement* of two sets of masks is ``100 * (1 - J)`` with ``J`` the intersection
over union of their foregrounds, over all images at once. It is a distance (Jaccard's), so the
triangle inequality holds: whatever the labels of these images are, the two networks' foreground IoU
differs by at most this many points. Lipkus, "A proof of the triangle inequality for the Tanimoto
distance" (J. Math. Chem. 1999). For all foreground classes as one, the difference is smaller still.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from dagen.types import Task


def loss(
    ours: Iterable[NDArray[np.integer]], theirs: Iterable[NDArray[np.integer]], task: Task
) -> float:
    """The loss of agreement in points, 0 to 100.

    Args:
        ours: class ids of each image, of any shape.
        theirs: those of the other network, in the same order and of the same shapes.
        task: what is segmented; without a background, every class is foreground.

    Returns:
        0 if both have no foreground at all.
    """
    both = union = 0
    first = task.foreground.start
    for one, other in zip(ours, theirs, strict=True):
        marked, marked_too = one >= first, other >= first
        same = int((marked & (one == other)).sum())
        both += same
        union += int(marked.sum()) + int(marked_too.sum()) - same
    return 100 * (1 - both / union) if union else 0.0
