"""EnsV: the checkpoint nearest to the average prediction of all (Hu et al., NeurIPS 2024).

The probabilities of all checkpoints on the target images are averaged, and each checkpoint is
scored by its agreement with the average's prediction. It needs no pass of its own, and cannot pick
a checkpoint that is wrong in a way that the others are not.

Deviations: agreement is the mean IoU over all classes, where a class that appears nowhere counts
as 0 (:mod:`dagen.validators._agreement`), and not the share of equal samples. The paper's
checkpoints come from several hyperparameters; here they come from one run.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dagen.validators._agreement import agreement
from dagen.validators.base import Evidence, Validator


class Ensemble(Validator):
    """Rewards agreement with the average of all checkpoints."""

    paper = "Hu et al., NeurIPS 2024"

    def look(self, evidence: Evidence) -> Tensor:
        """Probabilities (N, C, H, W), in float16: one of these is kept for each checkpoint."""
        return evidence.target.probability.half()

    def compare(self, looks: Sequence[Tensor]) -> list[float]:
        """One score per checkpoint, in [0, 1]."""
        total = torch.zeros_like(looks[0], dtype=torch.float32)
        for probability in looks:
            total += probability
        together = total.argmax(1)
        return [agreement(look.argmax(1), together, total.shape[1]) for look in looks]
