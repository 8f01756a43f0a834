"""Results as tables on the terminal."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from dagen.experiment import Comparison
    from dagen.results import RunResult


def result_table(rows: dict[str, RunResult]) -> None:
    """One table per data set: a row a run, per-class IoU and the means in per cent."""
    console = Console()
    first = next(iter(rows.values()))
    for dataset, scores in first.scores.items():
        classes = [name.removeprefix("iou/") for name in scores if name.startswith("iou/")]
        table = Table(title=f"{dataset} val, IoU in %")
        table.add_column("")
        columns = [f"iou/{name}" for name in classes]
        columns += ["foreground_miou", "miou", "waste_iou"]
        for column in columns:
            title = column.removeprefix("iou/").replace("_", " ").replace("miou", "mIoU")
            table.add_column(title.replace("iou", "IoU"), justify="right")
        for name, run in rows.items():
            found = run.scores.get(dataset, {})
            table.add_row(name, *(percent(found.get(column)) for column in columns))
        console.print(table)
    for name, run in rows.items():
        p = run.profile
        console.print(
            f"{name}: {p['parameters']:,} parameters, {p['macs'] / 1e9:.3f} GMAC "
            f"({p['flops'] / 1e9:.3f} GFLOP, 2 per MAC), {p['bytes']:,} bytes, "
            f"{run.seconds:.0f} s; {run.model}",
            soft_wrap=True,
        )


def comparison(pair: Comparison, runs: Path) -> None:
    """Source-only beside adapted, what was gained, and where to look next."""
    method = "+".join(pair.adapted.config["method"])
    result_table({"source-only": pair.source_only, method: pair.adapted})
    target = str(pair.adapted.config["tgt"])
    console = Console()
    if target in pair.adapted.scores and target in pair.source_only.scores:
        gain = pair.adapted.score(target) - pair.source_only.score(target)
        console.print(f"{method} changes waste IoU on {target} by {gain * 100:+.1f} points.")
    sheet = pair.adapted.folder / f"predictions-{target}.png"
    if sheet.exists():
        console.print(f"Pictures: {sheet}", soft_wrap=True)
    console.print(f"Compare runs: dagen ui --runs {runs}", soft_wrap=True)


def percent(value: float | None) -> str:
    """``0.1234`` as ``12.3``; a class that is absent everywhere as a dash."""
    return "–" if value is None or math.isnan(value) else f"{value * 100:.1f}"
