"""What is known of the predictions for a stream, with learning and without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dagen.datasets.base import Dataset
from dagen.scoring.evaluation import count, scores_for
from dagen.scoring.metrics import Scores
from dagen.scoring.predictor import Probabilities, mask


@dataclass
class Answers:
    """What is known of the predictions for a stream.

    Attributes:
        scores: of the strategy's predictions; None without labels.
        unlearned: of batch norm alone: the same batch norm, but no learning; None without labels.
        changed: number of pixels to which the two give different classes.
        pixels: number of all pixels.
    """

    scores: Scores | None
    unlearned: Scores | None
    changed: int = 0
    pixels: int = 0

    @classmethod
    def of(cls, dataset: Dataset) -> Answers:
        """No answers yet."""
        if not dataset.has_labels:
            return cls(None, None)
        return cls(scores_for(dataset), scores_for(dataset))

    def add(
        self, dataset: Dataset, index: int, learnt: Probabilities, plain: Probabilities
    ) -> None:
        """Count the predictions for one image."""
        differs = mask(learnt) != mask(plain)
        self.changed += int(differs.sum())
        self.pixels += differs.size
        if self.scores is None or self.unlearned is None:
            return
        if index in dataset.labelled:
            label = dataset.label(index)
            count(self.scores, [(learnt, label)])
            count(self.unlearned, [(plain, label)])

    def state_dict(self) -> dict[str, Any]:
        """All of it."""
        both = (self.scores, self.unlearned)
        counts = [None if one is None else (one.confusion, one.calibration) for one in both]
        return {"counts": counts, "changed": self.changed, "pixels": self.pixels}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a state."""
        self.changed, self.pixels = state["changed"], state["pixels"]
        for one, counts in zip((self.scores, self.unlearned), state["counts"], strict=True):
            if one is not None and counts is not None:
                one.confusion, one.calibration = counts
