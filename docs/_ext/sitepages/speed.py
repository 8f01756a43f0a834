"""The page on speed: the ratios of ``make bench``, and where the time of a step goes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sitepages.writing import Site, page, plain, rows, title

_LEAD = """.. rst-class:: lead

What is fast, against what, and what the time is spent on."""
_RATIOS = (
    "Both sides of a ratio are timed in turns in one run, so that a busy machine slows both. Times "
    "of networks are those of one image, without decoding and resizing."
)
_STEP = (
    "Every operator's own time under PyTorch's profiler, as a share of the step; seconds are those "
    "of a step without the profiler: {batch} source and {batch} target images of {height}x{width}, "
    "on one thread."
)
_NONE = "*Not measured yet.*"


def write(site: Site, folder: Path) -> None:
    """Write the page from ``bench.json`` and ``step_profile.json``, as far as they are there."""
    ratios, step = _read(folder / "bench.json"), _read(folder / "step_profile.json")
    site.write(
        "generated/speed.rst",
        page(
            ":hide-toc:",
            title("Speed"),
            _LEAD,
            title("Asked and measured", "-"),
            *(_ratios(ratios) if ratios else (_NONE,)),
            "Remake it, on a machine that does nothing else: ``make bench``.",
            title("Where the time of a training step goes", "-"),
            *(_profile(step) if step else (_NONE,)),
            "Remake it: ``python benchmarks/step_profile.py --out "
            "benchmarks/results/step_profile.json``.",
        ),
    )


def _read(file: Path) -> dict[str, Any] | None:
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def _ratios(found: Mapping[str, Any]) -> Iterator[str]:
    yield _RATIOS
    yield rows(
        ("what", "measured", "asked", "met"),
        [
            (
                plain(one["name"].replace("dagen --help", "`dagen --help`")),
                f"{one['value']:.2f} {one['unit']}",
                f"at {'least' if one['least'] else 'most'} {one['asked']:g} {one['unit']}",
                "yes" if one["met"] else "no",
            )
            for one in found["figures"]
        ],
    )
    yield _made(found)


def _profile(found: Mapping[str, Any]) -> Iterator[str]:
    height, width = found["size"]
    yield _STEP.format(batch=found["batch"], height=height, width=width)
    kinds = list(found["rows"][0]["shares"])
    yield rows(
        ("network", "strategy", "s", *kinds),
        [
            (
                row["model"],
                row["method"],
                f"{row['seconds']:.2f}",
                *(f"{row['shares'][kind]:.0%}" for kind in kinds),
            )
            for row in found["rows"]
        ],
    )
    yield _made(found)


def _made(found: Mapping[str, Any]) -> str:
    commit = str(found["commit"])[:12]
    return f"Measured on {found['hardware']} with torch {found['torch']}, at commit {commit}."
