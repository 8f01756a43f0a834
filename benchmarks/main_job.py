"""The table of the quick start: source-only beside ADVENT on real images, every network.

    DAGEN_DATA=... python benchmarks/main_job.py --out benchmarks/results/main_job

makes ``main_job.jsonl`` (one line per run) and ``main_job.md`` (the table). Each cell is the run of
``dagen adapt --src resortit --tgt taco --method advent --model M --seed S`` with its defaults;
finished runs are not repeated, and ``--cells enet:0,icnet:0`` runs only some of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator
from pathlib import Path

from dagen.engine.run import run_pair
from dagen.runs.config import Config, from_mapping
from dagen.runs.results import RunResult, load
from dagen.runs.runtime import Runtime

CELLS = "enet:0,enet:1,enet:2,bisenet:0,icnet:0"
ROWS = ("source-only", "advent")
FIGURES = ("iou/aluminium", "iou/paper", "iou/bottle", "iou/nylon", "foreground_miou", "waste_iou")


def settings(model: str, seed: int) -> Config:
    """The adapted run of one cell."""
    return from_mapping(
        {"src": "resortit", "tgt": "taco", "method": "advent", "model": model, "seed": seed}
    )


def finished(runtime: Runtime) -> Iterator[tuple[str, str, int, RunResult]]:
    """Every finished run of a cell: network, row, seed, result."""
    for model, seed in parse(CELLS):
        config = settings(model, seed)
        for row, one in zip(ROWS, (config.source_only(), config), strict=True):
            if (result := load(runtime.runs / one.name)) is not None:
                yield model, row, seed, result


def parse(cells: str) -> list[tuple[str, int]]:
    """``enet:0,icnet:0`` as pairs."""
    pairs = (text.partition(":") for text in cells.split(","))
    return [(model, int(seed)) for model, _, seed in pairs]


def table(rows: list[tuple[str, str, int, RunResult]]) -> str:
    """Markdown: TACO val in per cent, with mean and standard deviation over several seeds."""
    head = ["network", "", "seeds", *(f.removeprefix("iou/").replace("_", " ") for f in FIGURES)]
    head += ["belt waste IoU", "MB", "GMAC"]
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * (len(head) - 2)]
    groups: dict[tuple[str, str], list[RunResult]] = {}
    for model, row, _, result in rows:
        groups.setdefault((model, row), []).append(result)
    for (model, row), results in groups.items():
        figures = [_mean([r.scores["taco"].get(f, float("nan")) for r in results]) for f in FIGURES]
        belt = _mean([r.score("resortit") for r in results])
        weight = results[0].profile
        size = [f"{weight['bytes'] / 1e6:.2f}", f"{weight['macs'] / 1e9:.2f}"]
        lines.append(
            "| " + " | ".join([model, row, str(len(results)), *figures, belt, *size]) + " |"
        )
    return "\n".join(lines) + "\n"


def _mean(values: list[float]) -> str:
    text = f"{100 * statistics.mean(values):.1f}"
    return f"{text} ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else text


def _record(result: RunResult) -> dict[str, object]:
    return {"scores": result.scores, "profile": result.profile, "seconds": round(result.seconds)}


def main() -> None:
    """Run the missing cells and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", default=CELLS)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/main_job"))
    given = parser.parse_args()
    runtime = Runtime(runs=given.runs, workers=0, experiment="main-job")
    for model, seed in parse(given.cells):
        run_pair(settings(model, seed), runtime)
    rows = list(finished(runtime))
    records = [
        {"model": model, "row": row, "seed": seed, **_record(result)}
        for model, row, seed, result in rows
    ]
    given.out.with_suffix(".jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    given.out.with_suffix(".md").write_text(table(rows))
    print(table(rows))


if __name__ == "__main__":
    main()
