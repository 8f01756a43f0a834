"""The picks of validators in words, for the terminal and the report page."""

from __future__ import annotations

from dagen.runs import figures
from dagen.runs.selection import LAST, Selection, kept_as


def table(selection: Selection, task: str) -> tuple[list[str], dict[str, list[str]]]:
    """Each validator's pick and its worth on the target, where that has labels.

    Args:
        selection: the choice among the checkpoints of a run.
        task: name of the run's task.

    Returns:
        The heads of the columns after the validator's name, and the cells by validator.
    """
    worth: dict[str, str] = {}
    if selection.scored_on is not None:
        shown = figures.of_foreground(task, [c.scores for c in selection.candidates])
        worth = {figure: kept_as(figure) for figure in shown} | {"regret": "regret"}
    rows = {
        name: [
            str(pick.step),
            "" if name == LAST else f"{pick.value:.4f}",
            *(figures.percent(pick.get(figure)) for figure in worth.values()),
        ]
        for name, pick in selection.picks.items()
    }
    return ["step", "its own score", *(figures.title(figure, task) for figure in worth)], rows


def told(selection: Selection) -> list[str]:
    """The deployed checkpoint, and why a validator did not apply, in one sentence each."""
    reasons = [f"{name} does not apply: {why}" for name, why in selection.not_applicable.items()]
    return [f"Deployed: step {selection.step}, chosen by {selection.select}.", *reasons]
