"""The checkpoints that validators would have deployed, as a table on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from dagen.runs import picks

if TYPE_CHECKING:
    from dagen.runs.results import RunResult


def choice_table(run: RunResult) -> None:
    """Print each validator's pick and its worth, a line each; nothing without a selection."""
    selection = run.selection
    if selection is None:
        return
    where = selection.scored_on
    heads, rows = picks.table(selection, run.config["task"])
    table = Table(
        title="Checkpoints by validator"
        + (f"; {where} val in %, which only the oracle uses to choose" if where else ""),
        title_justify="left",
    )
    for head in ("validator", *heads):
        table.add_column(head, justify="left" if head == "validator" else "right", no_wrap=True)
    for name, cells in rows.items():
        table.add_row(name, *cells)
    console = Console()
    console.print(table)
    judging = f"{selection.forwards_per_candidate} images forwarded for each checkpoint."
    for sentence in (*picks.told(selection), f"Judging took {judging}"):
        console.print(sentence, soft_wrap=True)
