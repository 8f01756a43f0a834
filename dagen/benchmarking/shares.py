"""A share of a grid: what one job of an array runs, without a word to the other jobs.

Cells are dealt by the file alone, so every job knows its own. A cell and those that it starts from
or learns from are in one share, and shares are about equal in images to train on. Jobs write into
the common folder of all runs and nowhere else; the same command without a share gathers the results
when they have ended.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dagen.benchmarking.cells import Cell
from dagen.errors import UsageError, quoted


@dataclass(frozen=True)
class Share:
    """One of several shares.

    Attributes:
        number: from 1 on.
        of: how many there are.
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Share:
        """A share as the command line has it, such as ``3/10``.

        Raises:
            UsageError: it is no such text, or there is no such share.
        """
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        share = cls(*map(int, found.groups())) if found else None
        if share is None or not 1 <= share.number <= share.of:
            raise UsageError(
                f"the share is {quoted(text)}; give its number and how many there are, from 1/10 "
                "to 10/10 for ten jobs."
            )
        return share

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def dealt(cells: Sequence[Cell], share: Share) -> list[Cell]:
    """The cells of a share, in their order; all shares together are all cells, each once."""
    loads = [0] * share.of
    mine: set[str] = set()
    # The largest first, each to the share that has least: the usual greedy rule.
    groups = sorted(_groups(cells), key=lambda group: -sum(map(_size, group)))
    for group in groups:
        least = loads.index(min(loads))
        loads[least] += sum(map(_size, group))
        if least == share.number - 1:
            mine.update(cell.config.name for cell in group)
    return [cell for cell in cells if cell.config.name in mine]


def _groups(cells: Sequence[Cell]) -> list[list[Cell]]:
    """The runs in groups that need nothing outside."""
    group_of: dict[str, list[Cell]] = {}
    for cell in {cell.config.name: cell for cell in cells}.values():
        group = [cell]
        for name in cell.needs:
            if name in group_of and group_of[name] is not group:
                group += group_of[name]
                for other in group_of[name]:
                    group_of[other.config.name] = group
        group_of[cell.config.name] = group
    return list({id(group): group for group in group_of.values()}.values())


def _size(cell: Cell) -> int:
    """The number of pixels that a cell trains on."""
    height, width = cell.config.size
    return cell.config.steps * cell.config.batch * height * width
