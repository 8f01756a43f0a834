"""The files of the course project can be run, and their page names them all."""

from pathlib import Path

import pytest

from dagen.benchmarking import reading
from dagen.benchmarking.cells import Cell
from dagen.benchmarking.execution import check

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "benchmarks" / "study").glob("*.toml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_cell_can_be_planned(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = reading.load(file)
    assert found.command == f"dagen benchmark study/{file.stem}" and found.note
    local = [cell for cell in found.cells if not cell.config.model_options.get("pretrained")]
    check(local)  # the others need weights that a machine may not have
    budgets = {(c.config.steps, c.config.batch, c.config.size) for c in found.cells}
    assert len(budgets) == 1, "the same budget within a table"
    assert f"dagen benchmark study/{file.stem}`" in (ROOT / "docs" / "course.md").read_text()


def test_the_experiments_are_there_and_have_names_of_their_own() -> None:
    names = {file.stem for file in FILES}
    assert len(names) == 10
    assert not names & {file.stem for file in (ROOT / "benchmarks").glob("*.toml")}


def test_tables_that_need_seeds_have_three() -> None:
    for name in (
        "binary",
        "per-material",
        "imbalance",
        "pretraining",
        "pretraining-adapted",
        "distillation",
    ):
        cells = reading.load(ROOT / "benchmarks" / "study" / f"{name}.toml").cells
        assert {cell.config.seed for cell in cells} == {0, 1, 2}


def test_students_wait_for_the_teacher_of_their_seed_and_labels() -> None:
    cells = reading.load(ROOT / "benchmarks" / "study" / "distillation.toml").cells

    def place(cell: Cell) -> tuple[int, object]:
        return cell.config.seed, cell.axes["source_labels"]

    teachers = {place(c): c.config.name for c in cells if c.row == "teacher"}
    students = [c for c in cells if c.config.method == ("distill",)]
    assert len(students) == 18 and len(set(teachers.values())) == 6
    for cell in students:
        assert cell.needs == (teachers[place(cell)],)
        assert cell.config.parts["distill"]["teacher"] == f"run:{teachers[place(cell)]}"


def test_starts_are_made_once_for_all_numbers_of_labels() -> None:
    cells = reading.load(ROOT / "benchmarks" / "study" / "pretraining.toml").cells
    starts = {c.config.name for c in cells if c.row == "rotation on both"}
    assert len(starts) == 3  # one for each seed
    after = [c for c in cells if c.row == "after rotation on both"]
    assert {need for c in after for need in c.needs} == starts and len(after) == 9


@pytest.mark.parametrize(
    "file",
    [
        file
        for folder in (ROOT / "benchmarks", ROOT / "benchmarks" / "study")
        for file in sorted(folder.glob("*.toml"))
        if (folder / "results" / f"{file.stem}.md").exists()
    ],
    ids=lambda file: file.stem,
)
def test_a_table_stands_below_the_note_of_its_file(file: Path) -> None:
    page = (file.parent / "results" / f"{file.stem}.md").read_text(encoding="utf-8")
    assert reading.load(file).note in page
