"""A vote: the mean rank under four validators that err in different ways.

Information maximisation guards against giving up classes, MixVal against leaning on the
surroundings, consistency against leaning on the light, and the source's ``val`` labels against
having broken what can be checked. Each ranks the checkpoints, and the mean of the ranks decides, as
MixVal averages the ranks of its two probes (Hu et al., NeurIPS 2023): scores of different units
cannot be added.

The voters were chosen by the regrets of 34 runs on TACO, those that failed among them. Soft
neighbourhood density has no vote: it tells checkpoints of two classes apart by a few hundredths of
4.4 nats, and a rank makes as much of that as of a large difference; with it two of the first three
runs of ``best`` were deployed 5 points of waste IoU below their last checkpoints. Without the
source's vote a run of BiSeNet was deployed 18 points below its last, from a checkpoint that called
a sixth of all pixels waste where a twentieth is, surely and from wherever it was looked at; its
waste IoU on the source had fallen from 32 to 17 per cent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from dagen.types import Domain
from dagen.validators.base import Evidence, Validator
from dagen.validators.consistency import Consistency
from dagen.validators.infomax import Infomax
from dagen.validators.mixval import MixVal
from dagen.validators.source_val import SourceVal


class Combined(Validator):
    """Mean rank under infomax, mixval, consistency and source-val."""

    paper = "Hu et al., NeurIPS 2023"
    domains: ClassVar[frozenset[Domain]] = frozenset({"source", "target"})
    voters: tuple[Validator, ...] = (Infomax(), MixVal(), Consistency(), SourceVal())

    def look(self, evidence: Evidence) -> tuple[float, ...]:
        """The voters' scores, which cost nothing where the voters have been asked before."""
        return tuple(voter.look(evidence) for voter in self.voters)

    def compare(self, looks: Sequence[tuple[float, ...]]) -> list[float]:
        """In [0, 1] each: 1 is first under every voter."""
        columns = [ranks(column) for column in zip(*looks, strict=True)]
        # Rounded: thirds that were added in another order are still a tie.
        return [round(sum(row) / len(row), 9) for row in zip(*columns, strict=True)]


def ranks(values: Sequence[float]) -> list[float]:
    """The share of the other values that each one beats; a tie is half a win."""
    others = max(1, len(values) - 1)
    return [
        (sum(v < mine for v in values) + (sum(v == mine for v in values) - 1) / 2) / others
        for mine in values
    ]
