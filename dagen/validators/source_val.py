"""Foreground IoU on labelled source images: the choice when nothing else is available.

Mean IoU of the foreground classes (with the task ``binary``, the waste IoU) on images of the
source's ``val`` split at training resolution, from one confusion matrix. It is what domain
generalization calls training-domain validation (Gulrajani & Lopez-Paz, ICLR 2021). Its limit is
known: the source is near saturation long before the target is at its best.
"""

from __future__ import annotations

import math
from typing import ClassVar

from dagen.scoring.evaluation import count
from dagen.scoring.metrics import Scores
from dagen.types import Domain
from dagen.validators.base import Evidence, NotApplicable, Validator


class SourceVal(Validator):
    """Foreground mIoU on source images that were not trained on."""

    paper = "Gulrajani & Lopez-Paz, ICLR 2021"
    domains: ClassVar[frozenset[Domain]] = frozenset({"source"})

    def score(self, evidence: Evidence) -> float:
        """In [0, 1]."""
        scores = Scores(evidence.probes.task)
        probability, label = evidence.source.probability, evidence.source_label
        count(scores, zip(probability.numpy(), label.byte().numpy(), strict=True))
        if math.isnan(scores.foreground_miou):
            raise NotApplicable("the source images show no foreground.")
        return scores.foreground_miou
