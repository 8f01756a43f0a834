"""Foreground IoU on labelled source images: the choice when nothing else is available.

Mean IoU of the foreground classes (with the task ``binary``, the waste IoU) on images of the
source's ``val`` split at training resolution, from one confusion matrix. It is what domain
generalization calls training-domain validation (Gulrajani & Lopez-Paz, ICLR 2021). Its limit is
known: the source is near saturation long before the target is at its best.
"""

from __future__ import annotations

import math
from typing import ClassVar

from dagen.scoring.metrics import Scores, confusion
from dagen.types import Domain
from dagen.validators.base import Evidence, NotApplicable, Validator


class SourceVal(Validator):
    """Foreground mIoU on source images that were not trained on."""

    paper = "Gulrajani & Lopez-Paz, ICLR 2021"
    domains: ClassVar[frozenset[Domain]] = frozenset({"source"})

    def score(self, evidence: Evidence) -> float:
        """In [0, 1]."""
        scores = Scores(evidence.probes.task)
        scores.confusion += confusion(
            evidence.source.prediction, evidence.source_label, scores.task.num_classes
        )
        if math.isnan(scores.foreground_miou):
            raise NotApplicable("the source images show no foreground.")
        return scores.foreground_miou
