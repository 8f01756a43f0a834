"""The checkpoints that validators would have deployed, as a table on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from dagen.runs import figures
from dagen.runs.figures import percent

if TYPE_CHECKING:
    from dagen.runs.results import RunResult


def choice_table(run: RunResult) -> None:
    """Print each validator's pick and its worth, a line each; nothing without a selection."""
    selection = run.selection
    if selection is None:
        return
    where = selection.scored_on
    shown = figures.of_picks(run.config["task"])
    table = Table(
        title="Checkpoints by validator"
        + (f"; {where} val in %, which only the oracle uses to choose" if where else ""),
        title_justify="left",
    )
    table.add_column("validator", no_wrap=True)
    for column in ("step", "its score", *((*map(figures.title, shown), "regret") if where else ())):
        table.add_column(column, justify="right", no_wrap=True)
    for name, pick in selection.picks.items():
        own = "" if name == "last" else f"{pick.value:.4f}"
        worth = [percent(pick.get(figure)) for figure in (*shown, "regret")]
        table.add_row(name, str(pick.step), own, *(worth if where else []))
    console = Console()
    console.print(table)
    for name, reason in selection.not_applicable.items():
        console.print(f"{name} does not apply: {reason}", soft_wrap=True)
    console.print(
        f"Deployed: step {selection.step}, by {selection.select}. Judging took "
        f"{selection.forwards_per_candidate} images forwarded for each checkpoint.",
        soft_wrap=True,
    )
