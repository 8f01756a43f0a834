"""Training curves of several runs, laid over each other."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from dagen.runs.history import Curve, history
from dagen.visualization import captions, style
from dagen.visualization.networks import Checkpoint

_PREFIX = "train/"
_MOST = 6
_LEFT_OUT = {"train/seconds", "train/lr"}


def curves(checkpoints: list[Checkpoint]) -> dict[str, dict[str, Curve]]:
    """The training curves of the runs, by quantity and then by network's title.

    At most six quantities: the loss first, then those that most runs have, in the order of logging.
    Learning rate, time and quantities that were logged only once are left out.
    """
    logs = {c.title: history(c.run) for c in checkpoints if c.run is not None}
    known = [
        name
        for log in logs.values()
        for name, points in log.items()
        if name.startswith(_PREFIX) and name not in _LEFT_OUT and len(points) > 1
    ]
    ordered = sorted(Counter(known).items(), key=lambda item: -item[1])
    names = sorted((name for name, _ in ordered), key=lambda name: name != "train/loss")[:_MOST]
    return {
        name: {title: log[name] for title, log in logs.items() if len(log.get(name, [])) > 1}
        for name in names
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
            for title, points in runs.items():
                k = order[title]
                (lines[title],) = ax.plot(
                    *zip(*points, strict=True), lw=1.4, color=style.RUNS[k % len(style.RUNS)],
                    ls=style.LINES[k % len(style.LINES)],
                )  # fmt: skip
            ax.set_title(name.removeprefix(_PREFIX), loc="left")
            ax.grid()
            ax.tick_params(labelbottom=True)
        drawn.legend(
            lines.values(), lines.keys(), loc="outside upper left", ncols=min(4, len(lines))
        )
        return style.save(drawn, path, caption)
