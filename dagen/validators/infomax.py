"""Information maximisation: diverse over all pixels, certain of each (Liang et al., ICML 2020).

The entropy of the mean prediction less the mean entropy, over log C, on target images: the
negative of the loss :func:`dagen.losses.information_maximisation`, in [0, 1]. It is a validator in
the studies of Musgrave et al. (2022) and Hu et al. (NeurIPS 2023). A network that predicts one
class everywhere scores 0, the lowest score. Its limit: with 5 % waste in the images it prefers a
network that predicts more, up to one half.
"""

from __future__ import annotations

from dagen import losses
from dagen.validators.base import Evidence, Validator


class Infomax(Validator):
    """Rewards predictions that are certain and differ."""

    paper = "Liang et al., ICML 2020"

    def score(self, evidence: Evidence) -> float:
        """In [0, 1], apart from rounding."""
        return -float(losses.information_maximisation(evidence.target.probability))
