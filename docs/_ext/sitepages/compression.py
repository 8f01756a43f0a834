"""The page on budget searches: what ``dagen compress`` found for adapted networks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sitepages.writing import Site, page, plain, rows, title

_LEAD = """.. rst-class:: lead

One adapted network as many files: what bytes, operations and time cost in masks."""
_SAID = (
    "``dagen compress`` tries precisions, input sizes, formats and pruned networks "
    "(:doc:`/camera`). No label decides: the loss is that of the agreement with the PyTorch "
    "network on unlabelled training images, in points. The score stands beside it and decided "
    "nothing. The tables have the front: the files that no other one beats in loss, bytes and time "
    "at once."
)
_NONE = "*Not measured yet.*"


def write(site: Site, folder: Path) -> None:
    """Write the page from every ``compress-*.json``, each with the figure of the same name."""
    files = sorted(folder.glob("compress-*.json"))
    found = [part for file in files for part in _search(file)]
    site.write(
        "generated/compression.rst",
        page(":hide-toc:", title("Budget search"), _LEAD, *([_SAID, *found] if found else [_NONE])),
    )


def _search(file: Path) -> Iterator[str]:
    found: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    name = file.stem.removeprefix("compress-")
    yield title(name, "-")
    picture = file.with_suffix(".png")
    if picture.is_file():
        yield (
            f".. image:: /../benchmarks/results/{picture.name}\n"
            f"   :alt: Loss of agreement of the files of {name} against bytes and milliseconds."
        )
    tried = found["tried"]
    whole = max(tried, key=lambda one: (one["macs"], one["rung"]["precision"] == "float32"))
    front = sorted((one for one in tried if one["front"]), key=lambda one: one["loss"])
    yield rows(
        (
            "network", "input", "format", "weights", "kB", "MMAC", "loss", "score, %", "ms", "p95",
            "chosen",
        ),
        [_row(one) for one in front],
    )  # fmt: skip
    yield plain(_summary(found, front, whole))


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    rung, score = one["rung"], one.get("score")
    return (
        rung["network"] or "whole",
        "x".join(map(str, rung["size"])),
        rung["format"],
        rung["precision"],
        f"{one['bytes'] / 1e3:,.0f}",
        f"{one['macs'] / 1e6:.1f}",
        f"{one['loss']:.2f}",
        "–" if score is None else f"{score:.1f}",
        f"{one['latency_ms']:.2f}",
        f"{one['p95_ms']:.2f}",
        "yes" if one["chosen"] else "",
    )


def _summary(
    found: Mapping[str, Any], front: list[Mapping[str, Any]], whole: Mapping[str, Any]
) -> str:
    """What is saved within the asked loss, and where all was measured."""
    within = [one for one in front if one["loss"] <= found["max_drop"]]
    told = f"{len(found['tried'])} files were tried, on {found['images']}. "
    if within:
        bytes_ = min(one["bytes"] for one in within) / whole["bytes"]
        macs = min(one["macs"] for one in within) / whole["macs"]
        told += (
            f"Within a loss of {found['max_drop']:g} point(s), the smallest file has {bytes_:.0%} "
            f"of the bytes of {whole['rung']['precision']}, and the least operations are "
            f"{macs:.0%} of the whole network's. "
        )
    else:
        told += f"No file is within a loss of {found['max_drop']:g} point(s). "
    runtimes = ", ".join(sorted({one["runtime"] for one in found["tried"]}))
    return f"{told}Milliseconds are those of one image on {found['threads']} thread(s), {runtimes}."
