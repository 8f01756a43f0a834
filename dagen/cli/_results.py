"""Results as tables on the terminal."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from dagen.runs import figures, seen
from dagen.runs.figures import percent, points
from dagen.runs.results import FILE, sheet_of

if TYPE_CHECKING:
    from dagen.engine.run import Comparison
    from dagen.runs.findings import Unlabelled
    from dagen.runs.results import RunResult


def result_table(rows: dict[str, RunResult]) -> None:
    """Print a table per data set: a line per score in per cent, a column per run, and the change.

    The change is from the first run to the last.
    """
    console = Console()
    first = next(iter(rows.values()))
    together: dict[str, dict[str, float]] = {}
    for run in rows.values():
        for dataset, scores in run.scores.items():
            together[dataset] = {**together.get(dataset, {}), **scores}
    for dataset, scores in together.items():
        table = Table(title=f"{dataset} val, IoU in %", title_justify="left")
        for column in ("", *rows):
            table.add_column(column, justify="right" if column else "left", no_wrap=True)
        if len(rows) > 1:
            table.add_column("change", justify="right")
        task = first.config["task"]
        leading = figures.summary(task, [scores])
        for figure in (*leading, *figures.classes([scores])):
            values = [run.scores.get(dataset, {}).get(figure) for run in rows.values()]
            cells = [percent(value) for value in values]
            if len(rows) > 1:
                cells.append(points(values[-1], values[0]))
            table.add_row(figures.title(figure, task), *cells)
        console.print(table)
    shown: set[Path] = set()
    for name, run in rows.items():
        if run.model in shown:
            continue
        shown.add(run.model)
        p = run.profile
        console.print(
            f"{name}: {p['parameters']:,} parameters, {p['macs'] / 1e9:.3f} GMAC "
            f"({p['flops'] / 1e9:.3f} GFLOP, 2 per MAC), {p['bytes']:,} bytes, "
            f"{run.seconds:.0f} s; {run.model}"
            + (f" (weights {run.weights[:12]})" if run.weights else "")
            + (f"; learned from {seen.text(run.seen)} besides" if run.seen else ""),
            soft_wrap=True,
        )
        if run.compiled is not None:
            print_line(f"{name}: {run.compiled}")
        if (alarms := run.false_alarms) is not None:
            console.print(
                f"{name}: false alarms on {percent(alarms.share, 2)} % of the pixels of "
                f"{alarms.images} scenes without objects ({alarms.data})",
                soft_wrap=True,
            )


def say_if_finished_before(run: RunResult) -> None:
    """Say that a result is an earlier call's: when it was made, where it is, how to renew it."""
    if run.earlier:
        print_line(
            f"Nothing was run: this run was finished before ({_made(run)}, {run.folder}). Add "
            "--fresh to run it anew."
        )


def print_line(text: str) -> None:
    """Print a line as it is, however narrow the terminal is."""
    Console().print(text, soft_wrap=True, markup=False, highlight=False)


def _made(run: RunResult) -> str:
    """Date and time of a run's result, by this machine's clock."""
    seconds = (run.folder / FILE).stat().st_mtime
    return f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"


def comparison(pair: Comparison, runs: Path | None) -> None:
    """Print the baseline beside the adapted run, the gain, and where to look next.

    Args:
        pair: both runs.
        runs: folder of all runs; None if they are not tracked, so that no page compares them.
    """
    if pair.baseline.earlier and not pair.adapted.earlier:
        print_line(f"The baseline is of {_made(pair.baseline)}, from {pair.baseline.folder}.")
    method = "+".join(pair.adapted.config["method"])
    target = str(pair.adapted.config["tgt"])
    result_table(_columns(pair, method, target))
    console = Console()
    if target in pair.adapted.scores and target in pair.baseline.scores:
        scores = pair.adapted.scores[target]
        task = pair.adapted.config["task"]
        figure = figures.headline(task, [scores])
        gain = points(*(run.scores[target].get(figure) for run in (pair.adapted, pair.baseline)))
        named = figures.title(figure, task)
        console.print(f"{method} changes {named} on {target} by {gain} points.")
    if (stream := pair.adapted.stream) is not None and stream.changed is not None:
        console.print(
            f"{method} gives {100 * stream.changed:.2f} % of the pixels of {target} another class "
            "than batch norm alone."
        )
    if pair.adapted.unlabelled is not None:
        _unlabelled(pair.adapted.unlabelled, target, method)
    sheet = sheet_of(pair.adapted.folder, target)
    if sheet.exists():
        console.print(f"Images: {sheet}", soft_wrap=True)
    if runs is not None:
        console.print(f"Compare runs: dagen ui --runs {runs}", soft_wrap=True)


def _unlabelled(seen: Unlabelled, target: str, method: str) -> None:
    """Print what is known of a target without labels; nothing of it is a score."""
    console = Console()
    # Not the table's own title, which a narrow table would break.
    print_line(f"{target}, without labels: validators' own scores; higher is better for each")
    table = Table()
    for column in ("", "before", method, "change"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for name, values in seen.validators.items():
        first, last = values.get("before"), values.get("after")
        both = None if first is None or last is None else f"{last - first:+.4f}"
        cells = ["–" if v is None else f"{v:.4f}" for v in (first, last)]
        table.add_row(name, *cells, both or "–")
    console.print(table)
    if seen.changed is not None:
        images = "1 image" if seen.images == 1 else f"{seen.images} images"
        print_line(
            f"{method} gives {figures.percent(seen.changed)} % of the pixels of {images} of "
            f"{target} another class. Without labels nothing says whether it is better; look at "
            "the images."
        )


def _columns(pair: Comparison, method: str, target: str) -> dict[str, RunResult]:
    """The runs of a comparison by title; for a stream, batch norm alone is between them."""
    if not pair.source_free:
        return {"source-only": pair.baseline, method: pair.adapted}
    columns = {"before": pair.baseline}
    stream = pair.adapted.stream
    if stream is not None and "batch-norm" in stream.rows:
        scores = {target: dict(stream.rows["batch-norm"])}
        columns["batch norm only"] = replace(pair.baseline, scores=scores)
    return {**columns, method: pair.adapted}
