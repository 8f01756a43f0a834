"""Picks, oracle and regret, where runs have judged their checkpoints."""

from dataclasses import replace

from dagen.benchmarking.tables import validators
from dagen.benchmarking.tables.records import Record
from dagen.benchmarking.tables.sections import sections
from dagen.benchmarking.tables.tables import Value
from dagen.runs.selection import Pick, Selection
from tests.benchmarking.tables import made


def selection(picks: dict[str, Pick]) -> Selection:
    return Selection("last", 5, "taco", 10, {}, picks, ())


def judged(row: str, seed: int, last: float, infomax: float, oracle: float) -> Record:
    picks = {
        name: Pick(5, 1.0, iou, regret=oracle - iou)
        for name, iou in {"last": last, "infomax": infomax, "oracle": oracle}.items()
    }
    return made.record(row, last, seed, selection=selection(picks))


def test_runs_without_judgements_have_no_such_table() -> None:
    assert validators.table(sections(made.table())[0]) is None


def test_picks_and_regrets() -> None:
    records = [
        judged("a", 0, 0.20, 0.25, 0.25),
        judged("a", 1, 0.10, 0.20, 0.30),
        judged("b", 0, 0.30, 0.28, 0.35),
        made.record("unjudged", 0.9),
    ]
    found = validators.table(sections(records)[0])
    assert found is not None and found.columns == ("", "last", "infomax", "oracle")
    shown = {
        row[0]: [round(e.mean, 6) for e in row[1:] if isinstance(e, Value)] for row in found.rows
    }
    assert shown == {
        "b": [30, 28, 35],
        "a": [15, 22.5, 27.5],
        "mean regret, 3 runs": [10, 5.666667, 0],
        "largest regret, 3 runs": [20, 10, 0],
    }


def test_regrets_are_averaged_over_the_runs_that_all_have_judged() -> None:
    """A run without target images has no pick of infomax; its easy choice must not count."""
    easy = judged("c", 0, 0.5, 0.5, 0.5)
    assert easy.selection is not None
    picks = {name: easy.selection.picks[name] for name in ("last", "oracle")}
    records = [
        judged("a", 0, 0.20, 0.25, 0.30),
        judged("b", 0, 0.10, 0.20, 0.30),
        replace(easy, selection=selection(picks)),
    ]
    found = validators.table(sections(records)[0])
    assert found is not None
    shown = {row[0]: row[1:] for row in found.rows}
    means = [round(e.mean, 6) for e in shown["mean regret, 2 runs"] if isinstance(e, Value)]
    assert means == [15, 7.5, 0]


def test_what_could_not_judge_is_a_dash() -> None:
    record = made.record(selection=selection({"last": Pick(5, 5.0)}))
    found = validators.table(sections([record])[0])
    assert found is not None
    assert [e.text() for row in found.rows for e in row[1:] if isinstance(e, Value)] == ["–"] * 3
