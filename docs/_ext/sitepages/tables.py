"""Tables in HTML, which ``_static/tables.js`` makes sortable and filterable."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from dagen.benchmarking.tables.tables import Table, Value, in_percent
from dagen.runs.figures import MISSING, percent, points
from sitepages.results import Line


@dataclass(frozen=True)
class Cell:
    """An entry: its text, and its sort key."""

    html: str
    key: float | str | None = None


@dataclass(frozen=True)
class Head:
    """A column's head.

    Attributes:
        text: its name.
        number: whether the column has numbers, which are aligned right and sorted downwards first.
        facet: whether readers can choose one of its values.
    """

    text: str
    number: bool = False
    facet: bool = False


def table(
    name: str,
    caption: str,
    heads: Sequence[Head],
    body: Iterable[Sequence[Cell]],
    *,
    notes: str = "",
    titled: bool = False,
) -> str:
    """A table with a caption, in a box that scrolls by itself where it is too wide.

    Args:
        name: name of the table on its page.
        caption: description of the table.
        heads: one per column.
        body: rows of the table.
        notes: HTML below the table.
        titled: whether a heading above repeats the caption, which is then not shown.
    """
    hidden = ' class="only-heard"' if titled else ""
    columns = "".join(
        f'<th scope="col"{" class=number" if head.number else ""}'
        f"{' data-facet' if head.facet else ''}>{escape(head.text)}</th>"
        for head in heads
    )
    lines = "\n".join(f"<tr>{_entries(row, heads)}</tr>" for row in body)
    return (
        f'<div class="results" id="{name}">\n'
        f'<div class="table-wrapper" role="region" tabindex="0" aria-label="{escape(caption)}">\n'
        f'<table class="sortable"><caption{hidden}><span>{escape(caption)}</span></caption>\n'
        f"<thead><tr>{columns}</tr></thead>\n<tbody>\n{lines}\n</tbody></table>\n</div>\n"
        f"{notes}</div>"
    )


def _entries(row: Sequence[Cell], heads: Sequence[Head]) -> str:
    pairs = zip(row, heads, strict=True)
    return "".join(_entry(cell, head, i) for i, (cell, head) in enumerate(pairs))


def _entry(cell: Cell, head: Head, place: int) -> str:
    key = cell.key
    if isinstance(key, float):
        key = "" if math.isnan(key) else repr(round(key, 9))
    attribute = "" if key is None else f' data-key="{escape(str(key))}"'
    kind = " class=number" if head.number else ""
    tag = 'th scope="row"' if place == 0 else "td"
    return f"<{tag}{kind}{attribute}>{cell.html}</{tag.split()[0]}>"


def report(found: Table, name: str) -> str:
    """A table of :mod:`dagen.benchmarking.tables`."""
    unnamed = "network" if "row" in found.columns else "row"
    heads = [
        Head(column or unnamed, number=any(isinstance(row[i], Value) for row in found.rows))
        for i, column in enumerate(found.columns)
    ]
    notes = "".join(f"<li>{escape(note)}</li>" for note in found.notes)
    return table(
        name,
        found.title,
        heads,
        [[_shown(entry) for entry in row] for row in found.rows],
        notes=f'<ul class="notes">{notes}</ul>' if notes else "",
        titled=True,
    )


def _shown(entry: str | Value) -> Cell:
    if isinstance(entry, str):
        return Cell(escape(entry), entry)
    text = escape(entry.text())
    return Cell(f"<strong>{text}</strong>" if entry.best else text, float(entry.mean))


def of_lines(
    name: str,
    caption: str,
    lines: Iterable[Line],
    *,
    root: str,
    facets: bool = False,
    without: tuple[str, ...] = (),
) -> str:
    """Rows of several benchmarks in one table.

    Args:
        name: name of the table on its page.
        caption: caption above the table.
        lines: rows in their initial order.
        root: path from the page to the top of the site, such as ``../``.
        facets: whether readers can choose network, task and benchmark.
        without: columns to leave out.
    """
    heads = [
        Head("row"),
        Head("network", facet=facets),
        Head("score, %", number=True),
        Head("change", number=True),
        Head("gap closed, %", number=True),
        Head("seeds", number=True),
        Head("MB", number=True),
        Head("GMAC", number=True),
        Head("ms", number=True),
        Head("task", facet=facets),
        Head("data", facet=facets),
        Head("benchmark", facet=facets),
    ]
    body = [_line(line, root) for line in lines]
    kept = [
        i
        for i, head in enumerate(heads)
        if head.text not in without and any(row[i].html != MISSING for row in body)
    ]
    body = [[row[i] for i in kept] for row in body]
    return table(name, caption, [heads[i] for i in kept], body)


def _line(line: Line, root: str) -> list[Cell]:
    first, score, gap = line.first, line.score, line.section.gaps.get(line.row)
    where = f"{first.source} → {first.domain}" if first.source != first.domain else first.domain
    page = f"{root}benchmarks/{line.results.page}.html"
    network = "teachers" if line.reference else f"networks/{first.model}"
    return [
        Cell(escape(line.row), line.row),
        Cell(f'<a href="{root}{network}.html">{escape(first.model)}</a>', first.model),
        Cell(in_percent(score).text(), 100 * score.mean),
        Cell(points(line.change), math.nan if line.change is None else 100 * line.change),
        Cell(percent(gap, 0), math.nan if gap is None else 100 * gap),
        _number(math.nan if line.reference else float(len(line.records)), 0),
        _number(line.weight("bytes") / 1e6, 2),
        _number(line.weight("macs") / 1e9, 2),
        _number(line.milliseconds, 1),
        Cell(first.task, first.task),
        Cell(escape(where), where),
        Cell(f'<a href="{page}">{line.results.name}</a>', line.results.name),
    ]


def _number(value: float, digits: int) -> Cell:
    if math.isnan(value):
        return Cell(MISSING, math.nan)
    return Cell(f"{value:.{digits}f}", value)
