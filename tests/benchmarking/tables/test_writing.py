"""The files of a benchmark's results."""

from dataclasses import replace
from pathlib import Path

from PIL import Image

from dagen.benchmarking.tables import figure
from dagen.benchmarking.tables.sections import sections
from dagen.benchmarking.tables.writing import write
from tests.benchmarking.tables import made


def test_everything_is_written_and_again_only_what_is_new(tmp_path: Path) -> None:
    given = made.table()
    files = write(tmp_path, "real", given, "Title", "A note.", 20)
    assert {file.suffix for file in files} == {".md", ".tex", ".csv", ".png"}
    page = (tmp_path / "real.md").read_text()
    assert page.startswith("# Title\n\nA note.\n\n### enet, binary, resortit to taco\n")
    for part in ("![Title](real.png)", "18 of 20 cells", "`dagen benchmark real`", "c0ffee"):
        assert part in page
    stamps = {file: file.stat().st_mtime_ns for file in files}
    write(tmp_path, "real", given, "Title", "A note.", 20)
    assert {file: file.stat().st_mtime_ns for file in files} == stamps
    longer = [replace(record, seconds=90.0) for record in given]
    write(tmp_path, "real", longer, "Title", "A note.", 20)
    assert (tmp_path / "real.md").stat().st_mtime_ns > stamps[tmp_path / "real.md"]
    assert (tmp_path / "real.png").stat().st_mtime_ns == stamps[tmp_path / "real.png"]


def test_without_a_target_the_baseline_tables_are_written(tmp_path: Path) -> None:
    write(tmp_path, "x", [made.record("supervised", target=None)], "T", "", 1)
    page = (tmp_path / "x.md").read_text()
    assert "Object (mIoU)" in page and "comparison" not in page


def test_the_command_and_the_columns_are_those_of_the_file(tmp_path: Path) -> None:
    given = [made.record("supervised", target=None)]
    how = {"command": "dagen benchmark mine/x.toml", "columns": ["FLOPS"]}
    write(tmp_path, "x", given, "T", "", 1, **how)  # type: ignore[arg-type]
    assert "Remake it: `dagen benchmark mine/x.toml`." in (tmp_path / "x.md").read_text()
    text = (tmp_path / "x.tex").read_text()
    assert r" & FLOPS \\" in text and "Object" not in text
    write(tmp_path, "x", given, "T", "", 1, columns=["FLOPS", "of a cell that is not done"])
    assert (tmp_path / "x.tex").read_text() == text


def test_own_classes_have_tables_without_a_target(tmp_path: Path) -> None:
    street = {"resortit": {"miou": 0.4, "iou/road": 0.5, "iou/sky": 0.3}}
    write(tmp_path, "x", [made.record(task="classes", target=None, scores=street)], "T", "", 1)
    assert "| adabn | 1 | 40.0 |" in (tmp_path / "x.md").read_text()


def test_without_records_nothing_is_written(tmp_path: Path) -> None:
    assert write(tmp_path, "x", [], "T", "", 3) == [] and not list(tmp_path.iterdir())


def test_a_figure_has_room_for_every_row_and_survives_what_is_missing(tmp_path: Path) -> None:
    few = [made.record("source-only"), made.record("unscored", scores={})]
    path = tmp_path / "x.png"
    sizes = []
    for records in (few, [*made.table(), made.record(task="material", scores={})]):
        path.write_bytes(figure.draw(sections(records)))
        with Image.open(path) as picture:
            sizes.append(picture.size)
    assert sizes[0][0] == sizes[1][0] and sizes[0][1] < sizes[1][1]
