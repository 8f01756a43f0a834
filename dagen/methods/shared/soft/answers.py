"""What all teachers of a run answer about its images, as one map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from dagen.errors import UsageError
from dagen.methods.shared.soft.joining import Joined, Joining, join
from dagen.types import MIRRORED


def join_answers(
    maps: Mapping[str, Tensor], names: Sequence[str], how: Joining, disputed: float, mirrored: bool
) -> Joined:
    """The teachers' maps as one; a teacher's own two answers first.

    Args:
        maps: by name, each (B, H, W) or (B, C, H, W).
        names: the teachers.
        how: see :func:`~dagen.methods.shared.soft.joining.join`, also for ``disputed``.
        disputed: see there.
        mirrored: whether ``maps`` has those of the mirrored images, too.
    """
    each = [maps[name] for name in names]
    if not mirrored:
        return join(each, how, disputed)
    pairs = [join([maps[name], maps[MIRRORED + name]], "mean", disputed) for name in names]
    joined = join([pair.soft for pair in pairs], how, disputed)
    valid = torch.stack([joined.valid, *(pair.valid for pair in pairs)]).all(0)
    alike = torch.stack([pair.agreement for pair in pairs]).mean(0)
    return Joined(joined.soft, valid, joined.agreement * alike)


def require_classes(maps: Mapping[str, Tensor], names: Sequence[str], classes: int) -> None:
    """Refuse maps of other classes.

    Raises:
        UsageError: a map has several channels, and not one for each class of the run.
    """
    for name in names:
        if maps[name].ndim == 4 and maps[name].shape[1] != classes:
            raise UsageError(
                f"the teacher {name} answers {maps[name].shape[1]} channels, and this run "
                f"segments {classes} classes; a teacher has one channel, for foreground, or "
                "one for each class of the run, background first."
            )
