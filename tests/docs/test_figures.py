"""The figures that the README prints are those of the committed results."""

from pathlib import Path
from statistics import mean

import pytest

from dagen.benchmarking.tables import records

ROOT = Path(__file__).parents[2]
TABLES = {"ENet": "real", "ICNet": "icnet", "BiSeNet": "bisenet"}


def printed() -> tuple[list[str], dict[str, list[str]]]:
    """The networks of the README's table, and its cells by the name of the row."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| | ENet |"))
    cells = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        name, *figures = (cell.strip() for cell in line.strip("|").split("|"))
        cells[name.split(":")[0].strip("*` ")] = figures
    return [cell.strip() for cell in lines[start].strip("|").split("|")][1:], cells


def measured(network: str) -> dict[str, str]:
    scores: dict[str, list[float]] = {}
    for record in records.read(ROOT / "benchmarks" / "results" / f"{TABLES[network]}.jsonl"):
        score = record.score("waste_iou")
        assert score is not None
        scores.setdefault(record.row, []).append(100 * score)
    return {
        row: f"{mean(values):.1f}"
        + (f" ({min(values):.1f}–{max(values):.1f})" if len(values) > 1 else "")
        for row, values in scores.items()
    }


@pytest.mark.parametrize("network", list(TABLES))
def test_the_table_of_the_readme_is_what_was_measured(network: str) -> None:
    networks, cells = printed()
    column = networks.index(network)
    shown = {row: figures[column] for row, figures in cells.items() if figures[column] != "–"}
    assert shown == measured(network)
