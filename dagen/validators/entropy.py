"""Confidence: the mean entropy of the target's pixels, negated (Morerio et al., ICLR 2018).

The mean over the pixels of the prediction's entropy over log C, as
:func:`dagen.losses.entropy` defines it, so the score lies in [-1, 0]. The paper chooses
hyperparameters by the entropy of images' classes; here a pixel is a sample. A network that predicts
background everywhere is the most confident of all, so nobody should choose by this score alone; it
is included to show that.
"""

from __future__ import annotations

from dagen import losses
from dagen.validators.base import Evidence, Validator


class Entropy(Validator):
    """Rewards confident predictions on the target."""

    paper = "Morerio et al., ICLR 2018"

    def score(self, evidence: Evidence) -> float:
        """In [-1, 0]."""
        return -float(losses.entropy(evidence.target.probability))
