"""The tables of a report page, as rows of text for its template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dagen.runs import describe, figures, picks
from dagen.runs.figures import percent, points
from dagen.runs.selection import Selection
from dagen.visualization.page.subjects import Subject


@dataclass(frozen=True)
class Cell:
    """A score with its bar.

    Attributes:
        text: score in per cent, or a dash.
        change: change in points from the first run; empty for the first run itself.
        share: length of the bar, 0 to 100.
        best: whether no run has a higher score, and some run has a lower one.
    """

    text: str
    change: str
    share: float
    best: bool


@dataclass(frozen=True)
class ScoreTable:
    """The scores of all runs on one data set.

    Attributes:
        dataset: name of the data set.
        role: its role for the runs.
        rows: tuples of score name, whether it is a class, and a cell per run.
    """

    dataset: str
    role: str
    rows: list[tuple[str, bool, list[Cell]]]


def scores(subjects: Sequence[Subject]) -> list[ScoreTable]:
    """A table for each scored data set, the target first."""
    known: dict[str, str] = {}
    for subject in subjects:
        for name, role in describe.by_role(subject.result.config, subject.result.scores):
            known[name] = min(known.get(name, role), role, key=describe.ROLES.index)
    ordered = sorted(known, key=lambda name: describe.ROLES.index(known[name]))
    return [_scores(subjects, name, known[name]) for name in ordered]


def _scores(subjects: Sequence[Subject], dataset: str, role: str) -> ScoreTable:
    columns = [subject.result.scores.get(dataset, {}) for subject in subjects]
    task = subjects[-1].result.config["task"]
    leading = figures.summary(task, columns)
    rows = []
    for figure in (*leading, *figures.classes(columns)):
        values = [column.get(figure) for column in columns]
        if any(value is not None for value in values):
            rows.append((figures.title(figure, task), figure not in leading, _cells(values)))
    return ScoreTable(dataset, role, rows)


def _cells(values: Sequence[float | None]) -> list[Cell]:
    known = [value for value in values if value is not None]
    best = max(known) if len(set(known)) > 1 else None
    return [
        Cell(
            percent(value),
            points(value, values[0]) if k else "",
            100 * min(1.0, value or 0.0),
            value is not None and value == best,
        )
        for k, value in enumerate(values)
    ]


def differences(subjects: Sequence[Subject]) -> tuple[list[tuple[str, list[str]]], list[Any]]:
    """The settings that differ, and those that all runs share, by name."""
    known = [describe.settings(subject.result.config) for subject in subjects]
    for one in known:
        one.pop("score", None)
    names = list(dict.fromkeys(name for one in known for name in one))
    rows = {name: [describe.text(o[name]) if name in o else "–" for o in known] for name in names}
    different = [(name, cells) for name, cells in rows.items() if len(set(cells)) > 1]
    same = [(name, cells[0]) for name, cells in rows.items() if len(set(cells)) == 1]
    return different, same


def costs(
    subjects: Sequence[Subject], latency: Sequence[float] | None
) -> list[tuple[str, list[str]]]:
    """The costs of the deployed networks and of training.

    Args:
        subjects: the runs.
        latency: milliseconds for one image, by run, if they were measured.
    """
    profiles = [subject.result.profile for subject in subjects]
    rows = [
        ("parameters", [f"{p['parameters']:,.0f}" for p in profiles]),
        ("deployed file", [f"{p['bytes'] / 1e6:.2f} MB" for p in profiles]),
        ("SHA-256 of the weights", [(s.result.weights or "–")[:12] for s in subjects]),
        ("multiply-accumulates", [f"{p['macs'] / 1e9:.3f} G" for p in profiles]),
        ("FLOPs (2 per MAC)", [f"{p['flops'] / 1e9:.3f} G" for p in profiles]),
        ("input", [describe.text(s.result.config["size"]) for s in subjects]),
    ]
    if latency is not None:
        rows.append(("latency, one image", [f"{value:.1f} ms" for value in latency]))
    alarms = [subject.result.false_alarms for subject in subjects]
    if told := next((f"{a.images} empty scenes of {a.data}" for a in alarms if a), ""):
        shown = [f"{percent(a.share, 2)} %" if a else "–" for a in alarms]
        rows.append((f"false alarms, {told}", shown))
    rows.append(("training", [_duration(subject.result.seconds) for subject in subjects]))
    rows.append(("on", [subject.tags.get("hardware", "unknown") for subject in subjects]))
    return rows


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


@dataclass(frozen=True)
class Choice:
    """The table of each validator's pick among a run's checkpoints.

    Attributes:
        title: title of the run.
        where: data set of the scores, or None if it has no labels.
        heads: heads of the columns after the validator's.
        rows: tuples of validator, a cell per column, and whether its pick is deployed.
        told: the deployed checkpoint, validators that did not apply, and the run.
    """

    title: str
    where: str | None
    heads: list[str]
    rows: list[tuple[str, list[str], bool]]
    told: list[str]


def choices(subjects: Sequence[Subject]) -> list[Choice]:
    """A table for each run that judged its checkpoints."""
    return [
        _choice(subject, subject.result.selection)
        for subject in subjects
        if subject.result.selection is not None
    ]


def _choice(subject: Subject, selection: Selection) -> Choice:
    heads, rows = picks.table(selection, subject.result.config["task"])
    marked = [(name, cells, name == selection.select) for name, cells in rows.items()]
    told = [*picks.told(selection), f"{subject.told}."]
    return Choice(subject.title, selection.scored_on, heads, marked, told)


def streams(subjects: Sequence[Subject]) -> list[tuple[str, str, list[str], list[Any]]]:
    """For each run over a stream: title, data set, columns, and scores before and after."""
    found = []
    for subject in subjects:
        stream = subject.result.stream
        rows = {} if stream is None else stream.rows
        if rows:
            config = subject.result.config
            leading = figures.summary(config["task"], rows.values())
            lines = [
                (
                    figures.title(figure, config["task"]),
                    [percent(rows[row].get(figure)) for row in rows],
                )
                for figure in (*leading, *figures.classes(rows.values()))
            ]
            found.append((subject.title, str(config["tgt"]), list(rows), lines))
    return found
