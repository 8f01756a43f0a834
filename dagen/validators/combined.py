"""A vote: the mean rank under four validators that err in different ways.

Information maximisation guards against giving up classes, MixVal against relying on the
surroundings, consistency against relying on the light, and the source's ``val`` labels against
forgetting the source. Each ranks the checkpoints, and the mean of the ranks decides, as MixVal
averages the ranks of its two probes (Hu et al., NeurIPS 2023): scores of different units cannot be
added.

The voters were chosen by the regrets of 34 runs on TACO, including failed ones. Soft neighbourhood
density has no vote: with two classes its scores differ by a few hundredths of 4.4 nats, and ranks
treat that like a large difference; with its vote, two of the first three runs of ``best`` deployed
checkpoints 5 points of waste IoU below their last ones. Without the source's vote, a BiSeNet run
deployed a checkpoint 18 points below its last one: it predicted waste, confidently and in every
view, on a sixth of all pixels instead of a twentieth, and its waste IoU on the source had fallen
from 32 to 17 per cent.
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
        """The voters' scores; predictions that they share are computed once."""
        return tuple(voter.look(evidence) for voter in self.voters)

    def compare(self, looks: Sequence[tuple[float, ...]]) -> list[float]:
        """One score per checkpoint in [0, 1]; 1 means first under every voter."""
        columns = [ranks(column) for column in zip(*looks, strict=True)]
        # Rounded, so that equal sums tie even if they were added in another order.
        return [round(sum(row) / len(row), 9) for row in zip(*columns, strict=True)]


def ranks(values: Sequence[float]) -> list[float]:
    """The share of the other values that each one beats; a tie is half a win."""
    others = max(1, len(values) - 1)
    return [
        (sum(v < mine for v in values) + (sum(v == mine for v in values) - 1) / 2) / others
        for mine in values
    ]
