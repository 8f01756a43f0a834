"""What stands beneath a table."""

from typing import Any

from dagen.benchmarking.tables import protocol
from dagen.benchmarking.tables.comparison import table
from dagen.benchmarking.tables.protocol import Rows
from dagen.benchmarking.tables.sections import sections
from dagen.benchmarking.tables.tables import markdown
from dagen.runs.findings import StreamScores
from tests.benchmarking.tables import made


def rows(**given: dict[str, Any]) -> Rows:
    return {row: [made.record(row, **more)] for row, more in given.items()}


def test_missing_rows_are_named() -> None:
    assert protocol.missing_rows(sections(made.table())[0].rows) is None
    found = protocol.missing_rows({"adabn": [made.record()], "oracle": [made.record("oracle")]})
    assert found == (
        "Not to be read as a comparison yet: source-only, source + strong augmentation, "
        "oracle+source are missing."
    )
    assert str(found) in markdown(table(sections([made.record(), made.record("oracle")])[0]))


def test_equal_budgets_are_stated_and_others_marked() -> None:
    same, marked = protocol.budgets(rows(a={}, b={}))
    assert same == "The same budget for all rows: 100 steps of batch 8 at 160x160."
    assert not marked
    told, marked = protocol.budgets(
        rows(
            a={},
            b={},
            longer={"config": {"steps": 900}},
            tent={"config": {"init": "run:x"}, "stream": StreamScores(70, {})},
        )
    )
    assert marked == {"longer", "tent"}
    assert "longer 900 steps of batch 8 at 160x160" in told
    assert "tent one pass over the 70 images that are scored, batch 8 at 160x160, from a" in told
    text = markdown(table(sections([made.record("a"), made.record("b", config={"steps": 1})])[0]))
    assert text.count("| b* |") + text.count("| a* |") == 1


def test_the_choice_of_the_checkpoint_is_stated() -> None:
    assert protocol.checkpoints(rows(a={}, b={})) is None
    assert protocol.checkpoints(rows(a={}, b={"config": {"select": "infomax"}})) == (
        "Checkpoint that is deployed: the one that infomax picks for b; the last for a."
    )


def test_provenance_names_each_once() -> None:
    records = [made.record(), made.record(seed=1), made.record(commit="b" * 40, hardware="a GPU")]
    assert protocol.provenance(records) == (
        "Made by commits bbbbbbbbbbbb, c0ffee with torch 2.11.0 on a GPU; an abacus."
    )
