"""A table as Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dagen.benchmarking.tables.statistics import Estimate
from dagen.runs.figures import MISSING


@dataclass(frozen=True)
class Value:
    """A number in a table.

    Attributes:
        mean: the number; NaN is shown as a dash.
        spread: half the width of the interval, or None.
        digits: digits after the decimal point.
        best: whether it is printed in bold.
        count: number of seeds averaged.
        unit: a unit that follows the number, such as ``G``.
    """

    mean: float
    spread: float | None = None
    digits: int = 1
    best: bool = False
    count: int = 1
    unit: str = ""

    def text(self, plus_minus: str = "±") -> str:
        """The value as text, such as ``12.3 ± 0.4``."""
        if math.isnan(self.mean):
            return MISSING
        number = f"{self.mean:,.{self.digits}f} {self.unit}".rstrip()
        if self.spread is None:
            return number
        return f"{number} {plus_minus} {self.spread:,.{self.digits}f}"


def in_percent(found: Estimate | float | None, digits: int = 1) -> Value:
    """A fraction, or an estimate of one with its interval, in per cent."""
    if isinstance(found, Estimate):
        spread = None if found.spread is None else 100 * found.spread
        return Value(100 * found.mean, spread, digits, count=found.count)
    return Value(math.nan if found is None else 100 * found, digits=digits)


@dataclass(frozen=True)
class Table:
    """A table whose first columns are text and name its rows.

    Attributes:
        title: title above the table.
        columns: the heads, those of the first columns included.
        rows: rows with as many entries as there are columns.
        notes: sentences below the table.
        labels: number of columns that name a row.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | Value, ...], ...]
    notes: tuple[str, ...] = ()
    labels: int = 1

    def chosen(self, heads: Sequence[str]) -> Table:
        """The table with the columns that name its rows and those of these heads, in this order."""
        places = [*range(self.labels)]
        places += [self.columns.index(head) for head in heads if head in self.columns]
        return replace(
            self,
            columns=tuple(self.columns[i] for i in places),
            rows=tuple(tuple(row[i] for i in places) for row in self.rows),
        )


def markdown(table: Table) -> str:
    """A heading, the table and its notes as a list."""

    def shown(entry: str | Value) -> str:
        if isinstance(entry, str):
            return entry.replace("|", "\\|")
        return f"**{entry.text()}**" if entry.best else entry.text()

    lines = [
        f"### {table.title}",
        "",
        _bar(column.replace("|", "\\|") for column in table.columns),
        "|" + "---|" * table.labels + "---:|" * (len(table.columns) - table.labels),
        *(_bar(map(shown, row)) for row in table.rows),
        "",
        *(f"- {note}" for note in table.notes),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _bar(entries: Iterable[str]) -> str:
    return "| " + " | ".join(entries) + " |"


_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "–": "--", "±": r"$\pm$", "×": r"$\times$", "†": r"\dag{}",
}  # fmt: skip


def latex(table: Table, name: str = "table") -> str:
    """A ``table`` with booktabs rules, a short caption and a label; the notes are comments above.

    Args:
        table: the table.
        name: the label is ``tab:<name>-<title>``, in small letters and with hyphens.
    """

    def plain(text: str) -> str:
        return "".join(_LATEX.get(letter, letter) for letter in text)

    def shown(entry: str | Value) -> str:
        text = plain(entry if isinstance(entry, str) else entry.text())
        return rf"\textbf{{{text}}}" if isinstance(entry, Value) and entry.best else text

    values = [entry for row in table.rows for entry in row if isinstance(entry, Value)]
    seeds = sorted({value.count for value in values if value.spread is not None})
    caption = f"{table.title}."
    if seeds:
        count = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
        caption += f" Mean over {count} seeds ± half of the 95 % t-interval."
    label = re.sub(r"[^a-z0-9]+", "-", f"{name}-{table.title}".lower()).strip("-")
    lines = [
        *(f"% {note}" for note in table.notes),
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{plain(caption)}}}",
        rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{{'l' * table.labels}{'r' * (len(table.columns) - table.labels)}}}",
        r"\toprule",
        " & ".join(map(plain, table.columns)) + r" \\",
        r"\midrule",
        *(" & ".join(map(shown, row)) + r" \\" for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def as_csv(tables: Iterable[Table]) -> str:
    """All tables as one tidy list: a line per number, in the units of the heads.

    A unit that follows the numbers is told in the name of the column.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["table", "row", "column", "value", "interval95", "n"])
    for table in tables:
        for row in table.rows:
            name = ", ".join(str(entry) for entry in row[: table.labels] if entry)
            for column, entry in zip(
                table.columns[table.labels :], row[table.labels :], strict=True
            ):
                if isinstance(entry, Value) and not math.isnan(entry.mean):
                    spread = "" if entry.spread is None else repr(entry.spread)
                    head = f"{column} ({entry.unit})" if entry.unit else column
                    writer.writerow(
                        [table.title, name, head, repr(entry.mean), spread, entry.count]
                    )
    return file.getvalue()
