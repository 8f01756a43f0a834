"""The distances as a readable table, and all numbers behind the figures as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dagen.system.files import write_atomically
from dagen.visualization import captions, distance_table, failure_groups
from dagen.visualization.survey import Survey


def write(seen: Survey, numbers: list[dict[str, float]], folder: Path) -> list[Path]:
    """Write ``distances.md`` and ``numbers.json``.

    Args:
        seen: the survey that the figures show.
        numbers: each network's numbers from :func:`dagen.visualization.distances.measure`.
        folder: folder to write to; it exists.

    Returns:
        Both files.
    """
    titles, caption = [c.title for c in seen.checkpoints], captions.of_map(seen)
    text = distance_table.markdown(titles, numbers, caption)
    everything: dict[str, Any] = {
        "caption": caption,
        "networks": [
            {
                "title": c.title,
                "file": c.path.as_posix(),
                "distances": numbers[k],
                "scores": {
                    side.name: seen.scores(k, domain).to_dict()
                    for domain, side in enumerate(seen.sides)
                    if side.labelled
                },
            }
            for k, c in enumerate(seen.checkpoints)
        ],
    }
    if seen.labelled:
        everything["failure_groups"] = {
            "scene": [asdict(group) for group in failure_groups.by_scene(seen)],
            "size": [asdict(group) for group in failure_groups.by_size(seen)],
            "class": [asdict(group) for group in failure_groups.by_class(seen)],
        }
    files = {
        folder / "distances.md": text,
        folder / "numbers.json": json.dumps(_finite(everything), indent=1) + "\n",
    }
    for path, content in files.items():
        write_atomically(path, content.encode())
    return list(files)


def _finite(value: Any) -> Any:
    """JSON has no NaN: undefined values become null."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
