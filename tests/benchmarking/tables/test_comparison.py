"""Rows beside their baselines and ceilings."""

from dataclasses import replace

import pytest

from dagen.benchmarking.tables.comparison import table
from dagen.benchmarking.tables.sections import sections
from dagen.benchmarking.tables.tables import Table, Value, markdown
from dagen.runs.findings import FalseAlarms
from tests.benchmarking.tables import made


def entry(found: Table, row: str, column: str) -> Value:
    line = next(line for line in found.rows if line[0] == row)
    value = line[found.columns.index(column)]
    assert isinstance(value, Value)
    return value


def test_rows_are_sorted_the_ceilings_last_and_the_best_is_bold() -> None:
    (section,) = sections(made.table())
    found = table(section)
    assert [row[0] for row in found.rows] == [
        "best", "source + strong augmentation", "adabn", "source-only", "oracle+source", "oracle",
    ]  # fmt: skip
    best = entry(found, "best", "waste IoU")
    assert (best.text(), best.best, best.count) == ("25.0 ± 2.5", True, 3)
    assert not entry(found, "oracle+source", "waste IoU").best
    assert entry(found, "best", "gap closed").best
    assert entry(found, "best", "ECE").best  # the lowest
    assert not any(entry(found, str(row[0]), "accuracy").best for row in found.rows)


def test_the_gap_is_that_to_the_better_ceiling() -> None:
    found = table(sections(made.table())[0])
    shares = {row[0]: entry(found, str(row[0]), "gap closed").mean for row in found.rows}
    assert shares == pytest.approx(
        {
            "source-only": 0, "best": 50, "oracle": 200 / 3, "oracle+source": 100,
            "adabn": 40 / 3, "source + strong augmentation": 20,
        }
    )  # fmt: skip
    assert "(row - source-only) / (oracle+source - source-only)" in markdown(found)


def test_rows_of_the_source_alone_are_compared_at_home_as_well() -> None:
    """What helps away may hurt at home: both tests are told, each by its own order."""
    records = []
    for row, away, home in (("source-only", 0.10, 0.95), ("both, strong", 0.20, 0.90)):
        for seed in range(3):
            one = made.record(row, away + 0.01 * seed, seed, config={"tgt": None})
            one.scores["resortit"]["waste_iou"] = home + 0.01 * seed
            records.append(one)
    notes = [n for n in table(sections(records)[0]).notes if "paired" in n]
    assert len(notes) == 2
    assert "in waste IoU" in notes[0] and "both, strong is clearly ahead" in notes[0]
    assert "in resortit waste IoU" in notes[1] and ": source-only is clearly ahead" in notes[1]
    adapted = [replace(one, config={**one.config, "tgt": "taco"}) for one in records]
    assert sum("paired" in n for n in table(sections(adapted)[0]).notes) == 1


def test_a_paired_test_says_which_differences_are_clear() -> None:
    note = next(n for n in table(sections(made.table())[0]).notes if "paired" in n)
    assert "best is clearly ahead" in note
    assert "clearly different from source-only: best," in note
    noisy = [
        made.record(row, 0.2 + 0.1 * ((seed + i) % 3), seed)
        for i, row in enumerate("ab")
        for seed in range(3)
    ]
    note = next(n for n in table(sections(noisy)[0]).notes if "paired" in n)
    assert "no row is clearly behind" in note
    alone = [made.record("a", 0.2), made.record("b", 0.4)]
    assert not any("paired" in n for n in table(sections(alone)[0]).notes)


def test_the_gap_has_an_interval_over_the_seeds() -> None:
    found = table(sections(made.table())[0])
    assert entry(found, "best", "gap closed").spread is not None
    assert entry(found, "source-only", "gap closed").spread is None  # 0 by definition


def test_what_a_row_has_seen_is_a_column_if_any_row_has_seen_something() -> None:
    plain, taught = made.record("source-only", 0.2), made.record("teacher", 0.5)
    assert "seen besides" not in table(sections([plain])[0]).columns
    found = table(sections([plain, replace(taught, seen=("ImageNet", "DUTS-TR"))])[0])
    column = found.columns.index("seen besides")
    assert {row[0]: row[column] for row in found.rows} == {
        "source-only": "nothing",
        "teacher": "ImageNet and DUTS-TR",
    }


def test_a_small_gap_is_not_defined() -> None:
    records = [made.record("source-only", 0.2), made.record("x", 0.9), made.record("oracle", 0.21)]
    found = table(sections(records)[0])
    assert entry(found, "x", "gap closed").text() == "–"
    assert "Gap closed is not defined" in markdown(found)


def test_networks_tasks_and_axes_have_tables_of_their_own() -> None:
    records = [
        made.record(),
        made.record(task="material"),
        made.record(model="icnet"),
        made.record(axes={"width": 0.5}),
    ]
    titles = [section.title for section in sections(records)]
    assert titles == [
        "enet, binary, resortit to taco",
        "enet, material, resortit to taco",
        "icnet, binary, resortit to taco",
        "enet, binary, resortit to taco, width 0.5",
    ]
    material = table(sections(records)[1])
    assert material.columns[2:9] == (
        "foreground mIoU", "gap closed", "waste IoU", "aluminium", "paper", "bottle", "nylon",
    )  # fmt: skip
    assert entry(material, "adabn", "resortit foreground mIoU").mean == pytest.approx(90)


def test_materials_stand_in_the_order_of_their_ids_whatever_the_file_says() -> None:
    one = made.record(task="material")
    turned = {name: dict(sorted(scores.items())) for name, scores in one.scores.items()}
    again = made.record(task="material", scores=turned)
    assert table(sections([again])[0]).columns == table(sections([one])[0]).columns


def test_what_was_not_scored_is_a_dash() -> None:
    found = table(sections([made.record(scores={}), made.record("other", 0.3)])[0])
    assert entry(found, "adabn", "waste IoU").text() == "–"
    assert [row[0] for row in found.rows] == ["other", "adabn"]


def test_false_alarms_have_a_column_and_a_dash_where_they_were_not_measured() -> None:
    rows = [
        made.record("quiet", false_alarms=FalseAlarms("beach", 16, 0.004)),
        made.record("loud", false_alarms=FalseAlarms("beach", 16, 0.04)),
        made.record("unmeasured"),
    ]
    found = table(sections(rows)[0])
    shown = {str(row[0]): entry(found, str(row[0]), "false alarms") for row in found.rows}
    assert {name: value.text() for name, value in shown.items()} == {
        "quiet": "0.40", "loud": "4.00", "unmeasured": "–",
    }  # fmt: skip
    assert not any(value.best for value in shown.values())  # one seed shows nothing
    assert any("on scenes without objects (16 of beach)" in text for text in found.notes)
    alone = table(sections([made.record()])[0])
    assert "false alarms" in alone.columns and not any("scenes" in n for n in alone.notes)
    street = {"taco": {"miou": 0.4, "iou/road": 0.5, "iou/sky": 0.3}}
    other = table(sections([made.record(task="classes", scores=street)])[0])
    assert "false alarms" not in other.columns
