"""A vote: the mean rank under two validators that err in different ways.

Information maximisation guards against giving up classes, consistency against leaning on the light
and on the place. Each ranks the checkpoints, and the mean of the ranks decides, as MixVal averages
the ranks of its two probes (Hu et al., NeurIPS 2023): scores of different units cannot be added.

Two others had a vote and lost it, by the regrets of runs on TACO. Soft neighbourhood density tells
checkpoints of two classes apart by a few hundredths of 4.4 nats, and a rank makes as much of that
as of a large difference: two of the first three runs of ``best`` were deployed 5 points of waste
IoU below their last checkpoints. MixVal errs as information maximisation does, towards marking too
much, and together they outvoted consistency: a run of BiSeNet was deployed 18 points below its last
checkpoint, from one that called a sixth of all pixels waste where a twentieth is.
"""

from __future__ import annotations

from collections.abc import Sequence

from dagen.validators.base import Evidence, Validator
from dagen.validators.consistency import Consistency
from dagen.validators.infomax import Infomax


class Combined(Validator):
    """Mean rank under infomax and consistency."""

    paper = "Hu et al., NeurIPS 2023"
    voters: tuple[Validator, ...] = (Infomax(), Consistency())

    def look(self, evidence: Evidence) -> tuple[float, ...]:
        """The voters' scores, which cost nothing where the voters have been asked before."""
        return tuple(voter.look(evidence) for voter in self.voters)

    def compare(self, looks: Sequence[tuple[float, ...]]) -> list[float]:
        """In [0, 1] each: 1 is first under every voter."""
        columns = [ranks(column) for column in zip(*looks, strict=True)]
        return [sum(row) / len(row) for row in zip(*columns, strict=True)]


def ranks(values: Sequence[float]) -> list[float]:
    """The share of the other values that each one beats; a tie is half a win."""
    others = max(1, len(values) - 1)
    return [
        (sum(v < mine for v in values) + (sum(v == mine for v in values) - 1) / 2) / others
        for mine in values
    ]
