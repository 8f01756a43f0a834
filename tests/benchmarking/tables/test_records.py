"""Lines of results, written and read back."""

from pathlib import Path

import pytest

from dagen.benchmarking.tables import records
from dagen.errors import DagenError
from tests.benchmarking.tables import made


def test_lines_are_sorted_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    assert records.read(path) == []
    given = made.table()
    assert records.save(path, reversed(given))
    text = path.read_bytes()
    assert not records.save(path, given) and path.read_bytes() == text
    found = records.read(path)
    assert sorted(found, key=lambda r: r.run) == sorted(given, key=lambda r: r.run)
    assert [r.order for r in found] == sorted(r.order for r in found)


@pytest.mark.parametrize("line", ["{", "[]", '{"row": 1}', '{"colour": "red"}'])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "x.jsonl"
    records.save(path, [made.record()])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(DagenError, match=r"x.jsonl, line 2 is not a benchmark's record"):
        records.read(path)


def test_scores_by_data_set() -> None:
    record = made.record(value=0.2)
    assert record.score("waste_iou") == 0.2 and record.score("waste_iou", "resortit") == 0.9
    assert record.score("nonsense") is None and record.score("waste_iou", "nowhere") is None
