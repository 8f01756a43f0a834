"""Writes a benchmark's result files: tables as Markdown, LaTeX and CSV, and a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dagen.benchmarking.tables import baselines, comparison, figure, protocol, validators
from dagen.benchmarking.tables.records import Record, save_if_new
from dagen.benchmarking.tables.tables import Table, as_csv, latex, markdown


def write(
    folder: Path, name: str, records: Sequence[Record], title: str, note: str, cells: int
) -> list[Path]:
    """Write those of ``<name>.md``, ``.tex``, ``.csv`` and ``.png`` that have changed.

    Args:
        folder: folder to write to; it exists.
        name: name of the benchmark.
        records: records of the finished cells, in the order of the benchmark.
        title: title above the tables.
        note: paragraph below the title.
        cells: number of cells of the benchmark, done or not.

    Returns:
        The files; none without records.

    Raises:
        DagenError: a file cannot be written.
    """
    if not records:
        return []
    adapted = any(record.target for record in records)
    sections = comparison.sections(records)
    if adapted:
        tables = [comparison.table(section) for section in sections]
        tables += [found for s in sections if (found := validators.table(s)) is not None]
    else:
        tables = baselines.tables(records)
    picture = figure.draw(sections)
    contents = {
        ".md": _page(name, title, note, tables, _remarks(name, records, cells)).encode(),
        ".tex": "\n".join(map(latex, tables)).encode(),
        ".csv": as_csv(tables).encode(),
        ".png": picture,
    }
    paths = []
    for suffix, content in contents.items():
        path = folder / f"{name}{suffix}"
        save_if_new(path, content)
        paths.append(path)
    return paths


def _page(name: str, title: str, note: str, tables: Sequence[Table], remarks: list[str]) -> str:
    parts = [f"# {title}", note, *map(markdown, tables), f"![{title}]({name}.png)", *remarks]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _remarks(name: str, records: Sequence[Record], cells: int) -> list[str]:
    remarks = [f"Remake it: `dagen benchmark {name}`. {protocol.provenance(records)}"]
    done = sum(not record.as_it_comes for record in records)
    if done < cells:
        remarks.insert(0, f"**Not complete**: {done} of {cells} cells are done.")
    return remarks
