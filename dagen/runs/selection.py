"""The deployed checkpoint of a run, and the worth of every validator's pick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

LAST = "last"
"""``select`` of a run that deploys its last checkpoint."""
ORACLE = "oracle"
"""The pick by the target's labels; it is shown but never deployed."""
FIGURE = "foreground_miou"
"""The score that the oracle maximises on the target's ``val`` split: the headline of every task.

Under ``binary`` it is the waste IoU, and without a background the mean IoU of all classes."""


def kept_as(figure: str) -> str:
    """The name under which a :class:`Pick` keeps a headline figure.

    Without a background the headline is the mIoU over all classes, which is that of the foreground.
    """
    return FIGURE if figure == "miou" else figure


@dataclass(frozen=True)
class Pick:
    """The checkpoint that a validator picks.

    Attributes:
        step: number of steps after which it was kept.
        value: the validator's own score; for ``last`` the step, for the oracle the foreground mIoU.
        waste_iou: waste IoU on the target's ``val`` split; None without labels there.
        foreground_miou: foreground mIoU there.
        regret: the oracle's foreground mIoU minus this one's; None without labels.
    """

    step: int
    value: float
    waste_iou: float | None = None
    foreground_miou: float | None = None
    regret: float | None = None

    def get(self, figure: str) -> float | None:
        """One of the scores by its name; None if it is not defined."""
        value: float | None = getattr(self, figure)
        return value


@dataclass(frozen=True)
class Candidate:
    """One checkpoint that was kept.

    Attributes:
        step: number of steps after which it was kept.
        scores: scores on the target's ``val`` split; empty without labels there.
        values: scores by the validators.
    """

    step: int
    scores: Mapping[str, float]
    values: Mapping[str, float]


@dataclass(frozen=True)
class Selection:
    """The choice among the checkpoints of a run.

    Attributes:
        select: the setting that chose: ``last`` or a validator.
        step: the step whose checkpoint is deployed.
        scored_on: the data set of the regrets; None if it has no labels.
        forwards_per_candidate: number of images that were forwarded to judge a checkpoint.
        not_applicable: reasons of validators that could not judge a checkpoint, by validator.
        picks: picks by validator, and of ``last`` and ``oracle``. There is no oracle without target
            labels, and no pick of a validator that could not judge any checkpoint.
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
        """The selection as plain values, as in ``result.json``."""
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
        """The inverse of :meth:`to_dict`.

        Raises:
            KeyError, TypeError: something is missing or of another kind.
        """
        return cls(
            **values["selection"],
            picks={name: Pick(**pick) for name, pick in values["validators"].items()},
            candidates=tuple(Candidate(**each) for each in values["candidates"]),
        )
