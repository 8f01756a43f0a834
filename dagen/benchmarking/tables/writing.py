"""Writes a benchmark's result files: tables as Markdown, LaTeX and CSV, and a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dagen.benchmarking.tables import (
    baseline_panels,
    baselines,
    comparison,
    figure,
    protocol,
    validators,
)
from dagen.benchmarking.tables.lines import save_if_new
from dagen.benchmarking.tables.network_lines import TASKS
from dagen.benchmarking.tables.records import Record
from dagen.benchmarking.tables.sections import sections as sections_of
from dagen.benchmarking.tables.tables import Table, as_csv, latex, markdown
from dagen.runs.starts import is_start


def tables_of(records: Sequence[Record]) -> list[Table]:
    """The tables of a benchmark.

    Without a target they are those of the course project, for the tasks that have one.

    Raises:
        DagenError: runs that would be averaged differ in more than the seed.
    """
    known, others = _by_form(records)
    sections = sections_of(others)
    tables = baselines.tables(known) + [comparison.table(section) for section in sections]
    return tables + [found for s in sections if (found := validators.table(s)) is not None]


def _by_form(records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """Those of tables in the form of the course project, and the others; no run that pre-trains."""
    records = [record for record in records if not is_start(record.config)]
    alone = not any(record.target for record in records)
    known = [r for r in records if alone and r.task in TASKS]
    return known, [r for r in records if not alone or r.task not in TASKS]


def write(
    folder: Path,
    name: str,
    records: Sequence[Record],
    title: str,
    note: str,
    cells: int,
    *,
    command: str | None = None,
    columns: Sequence[str] = (),
    more: Sequence[Table] = (),
) -> list[Path]:
    """Write those of ``<name>.md``, ``.tex``, ``.csv`` and ``.png`` that have changed.

    Args:
        folder: folder to write to; it exists.
        name: name of the benchmark.
        records: records of the finished cells, in the order of the benchmark.
        title: title above the tables.
        note: paragraph below the title.
        cells: number of cells of the benchmark, done or not.
        command: the command that makes the results again; None is that of a benchmark in
            ``benchmarks/``.
        columns: heads of the columns of the LaTeX tables; none means all. Those that no table has
            yet are left out; :mod:`dagen.benchmarking.foreseen` refuses wrong ones.
        more: tables that follow, of what was measured beside the runs.

    Returns:
        The files; none without records.

    Raises:
        DagenError: a file cannot be written, or runs that would be averaged differ in more than
            the seed.
    """
    known, others = _by_form(records)
    if not known and not others:
        return []
    tables = [*tables_of(records), *more]
    remarks = _remarks(command or f"dagen benchmark {name}", records, cells)
    contents = {
        ".md": _page(name, title, note, tables, remarks).encode(),
        ".csv": as_csv(tables).encode(),
        ".png": figure.draw(
            [*baseline_panels.panels(known), *sections_of(others)],
            baseline_panels.drawn_as_curves(known),
        ),
    }
    for suffix, content in contents.items():
        save_if_new(folder / f"{name}{suffix}", content)
    tex = "\n".join(latex(one, name) for one in _chosen(tables, columns))
    save_if_new(folder / f"{name}.tex", tex.encode())
    return [folder / f"{name}{suffix}" for suffix in (".md", ".tex", ".csv", ".png")]


def _chosen(tables: Sequence[Table], columns: Sequence[str]) -> Sequence[Table]:
    """The tables with these columns; those that have none of them are left out."""
    if not columns:
        return tables
    return [table.chosen(columns) for table in tables if {*columns} & {*table.columns}]


def _page(name: str, title: str, note: str, tables: Sequence[Table], remarks: list[str]) -> str:
    parts = [f"# {title}", note, *map(markdown, tables), f"![{title}]({name}.png)", *remarks]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _remarks(command: str, records: Sequence[Record], cells: int) -> list[str]:
    remarks = [f"Remake it: `{command}`. {protocol.provenance(records)}"]
    done = sum(not record.as_it_comes for record in records)
    if done < cells:
        remarks.insert(0, f"**Not complete**: {done} of {cells} cells are done.")
    return remarks
