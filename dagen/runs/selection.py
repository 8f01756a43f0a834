"""Which checkpoint of a run was deployed, and what every validator's pick would have been worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

LAST = "last"
"""``select`` of a run that deploys its last checkpoint."""
ORACLE = "oracle"
"""The pick that knows the target's labels; it is shown and never deployed."""
FIGURE = "foreground_miou"
"""What the oracle maximises on the target's ``val`` split: with ``binary`` the waste IoU."""


@dataclass(frozen=True)
class Pick:
    """The checkpoint that a validator picks.

    Attributes:
        step: after which it was kept.
        value: the validator's own score of it; of ``last`` the step, of the oracle its
            foreground mIoU.
        waste_iou: of the checkpoint on the target's ``val`` split; None without labels there.
        foreground_miou: likewise.
        regret: the oracle's foreground mIoU less this one's; None without labels.
    """

    step: int
    value: float
    waste_iou: float | None = None
    foreground_miou: float | None = None
    regret: float | None = None

    def get(self, figure: str) -> float | None:
        """One of the figures by its name; None where it is not defined."""
        value: float | None = getattr(self, figure)
        return value


@dataclass(frozen=True)
class Candidate:
    """One checkpoint that was kept.

    Attributes:
        step: after which it was kept.
        scores: the figures on the target's ``val`` split; empty without labels there.
        values: the validators' scores of it.
    """

    step: int
    scores: Mapping[str, float]
    values: Mapping[str, float]


@dataclass(frozen=True)
class Selection:
    """The choice among the checkpoints of a run.

    Attributes:
        select: who chose: ``last`` or a validator.
        step: the step whose checkpoint is deployed.
        scored_on: the data set behind regrets; None where it has no labels.
        forwards_per_candidate: images that were forwarded to judge a checkpoint.
        not_applicable: by validator, why it could not judge a checkpoint.
        picks: by validator, and for ``last`` and ``oracle``. There is no oracle without target
            labels, and no pick of a validator that could judge no checkpoint.
        candidates: the checkpoints in the order of their steps.
    """

    select: str
    step: int
    scored_on: str | None
    forwards_per_candidate: int
    not_applicable: Mapping[str, str]
    picks: Mapping[str, Pick]
    candidates: tuple[Candidate, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as ``result.json`` holds them."""
        picks = {name: asdict(pick) for name, pick in self.picks.items()}
        return {
            "validators": {
                name: {figure: value for figure, value in pick.items() if value is not None}
                for name, pick in picks.items()
            },
            "candidates": [asdict(candidate) for candidate in self.candidates],
            "selection": {
                "select": self.select,
                "step": self.step,
                "scored_on": self.scored_on,
                "forwards_per_candidate": self.forwards_per_candidate,
                "not_applicable": dict(self.not_applicable),
            },
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Selection:
        """The opposite of :meth:`to_dict`.

        Raises:
            KeyError, TypeError: something is missing or of another kind.
        """
        return cls(
            **values["selection"],
            picks={name: Pick(**pick) for name, pick in values["validators"].items()},
            candidates=tuple(Candidate(**each) for each in values["candidates"]),
        )
