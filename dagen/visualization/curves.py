"""Training curves of several runs, laid over each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

from dagen.runs.history import Curve, history
from dagen.visualization import captions, style
from dagen.visualization.networks import Checkpoint

_PREFIX = "train/"
_MOST = 6
_LEFT_OUT = {"train/seconds", "train/lr"}


def shown(logs: Collection[Mapping[str, Curve]]) -> list[str]:
    """The quantities of training that are drawn for some runs.

    At most six: the loss first, then those that most runs have, in the order of logging.
    Learning rate, time and quantities that were logged only once are left out.
    """
    known = Counter(
        name
        for log in logs
        for name, points in log.items()
        if name.startswith(_PREFIX) and name not in _LEFT_OUT and len(points) > 1
    )
    common = sorted(known, key=lambda name: -known[name])
    return sorted(common, key=lambda name: name != "train/loss")[:_MOST]


def title(name: str) -> str:
    """The name of a quantity in text."""
    return name.removeprefix(_PREFIX)


def curves(checkpoints: list[Checkpoint]) -> dict[str, dict[str, Curve]]:
    """The training curves of the runs, by quantity and then by network's title."""
    logs = {c.title: history(c.run) for c in checkpoints if c.run is not None}
    return {
        name: {who: log[name] for who, log in logs.items() if len(log.get(name, [])) > 1}
        for name in shown(logs.values())
    }


def draw(checkpoints: list[Checkpoint], path: Path) -> list[Path]:
    """Write the curves as PNG and SVG.

    Returns:
        Both files; none if no run logged a curve.
    """
    found = curves(checkpoints)
    if not found:
        return []
    what = "Training curves as logged, not smoothed."
    caption = f"{what} {captions.networks(checkpoints)}. {captions.version()}"
    columns = min(3, len(found))
    rows = -(-len(found) // columns)
    order = {c.title: k for k, c in enumerate(checkpoints)}
    with style.figure(3.3 * columns, 2.3 * rows + 0.4, caption) as drawn:
        lines = {}
        for ax, (name, runs) in zip(
            style.panels(drawn, len(found), columns, sharex=True), found.items(), strict=True
        ):
            for who, points in runs.items():
                k = order[who]
                (lines[who],) = ax.plot(
                    *zip(*points, strict=True), lw=1.4, color=style.RUNS[k % len(style.RUNS)],
                    ls=style.LINES[k % len(style.LINES)],
                )  # fmt: skip
            ax.set_title(title(name), loc="left")
            ax.grid()
            ax.tick_params(labelbottom=True)
        drawn.legend(
            lines.values(), lines.keys(), loc="outside upper left", ncols=min(4, len(lines))
        )
        return style.save(drawn, path, caption)
