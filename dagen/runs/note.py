"""The description of a run that MLflow shows above it, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dagen.runs import describe
from dagen.runs.results import RunResult

FIGURES = {"miou": "mIoU", "foreground_miou": "foreground mIoU", "waste_iou": "waste IoU"}
"""The figures that sum a data set up, best known first."""

Scores = Mapping[str, float]


def roles(config: describe.Stored) -> dict[str, str]:
    """What each scored data set is to the run, ``source`` or ``target``, by its name.

    A run without a target is compared on the data set that it was asked to score first. The
    oracle learns on that very data set: it is compared by its target figures.
    """
    target = config["tgt"] or next(iter(config.get("score", ())), None)
    named = {config["src"]: "source"}
    return named if target is None else {**named, target: "target"}


def classes(scores: Iterable[Scores]) -> list[str]:
    """The figures ``iou/...`` of single classes, in the order of their ids."""
    return list(dict.fromkeys(n for one in scores for n in one if n.startswith("iou/")))


def told(name: str) -> str:
    """A figure's name in a table."""
    return FIGURES.get(name, name.removeprefix("iou/"))


def percent(value: float | None) -> str:
    """``0.1234`` as ``12.3``; what is not defined as a dash."""
    return "–" if value is None else f"{100 * value:.1f}"


def points(value: float | None, before: float | None) -> str:
    """The change in percentage points, such as ``+1.2`` or ``−0.3``."""
    if value is None or before is None:
        return "–"
    return f"{100 * (value - before):+.1f}".replace("-", "−")


def note(result: RunResult, baseline: RunResult | None) -> str:
    """What was run, what it scored, how to make it again.

    Args:
        result: of the run.
        baseline: what it is compared with, if that is there.
    """
    config, profile = result.config, result.profile
    images = result.extra.get("stream", {}).get("images")
    parts = [
        f"**{describe.title(config)}** on **{config['model']}**, {describe.domains(config)}, task "
        f"{config['task']}: {describe.budget(config, images)}, seed {config['seed']}.",
        *(headline(result, name, baseline) for name, role in _ordered(result)[:1]),
        *(_table(result, name, role, baseline) for name, role in _ordered(result)),
        f"{profile['parameters']:,.0f} parameters, {profile['bytes'] / 1e6:.2f} MB deployed, "
        f"{profile['macs'] / 1e9:.3f} GMAC for an image of {describe.text(config['size'])}, "
        f"{result.seconds:.0f} s of training.",
    ]
    if selection := result.extra.get("selection"):
        parts.append(
            f"Deployed: the checkpoint of step {selection['step']}, chosen by "
            f"`{selection['select']}`."
        )
    parts.append(f"Make it again:\n\n```sh\n{describe.command(config)}\n```")
    parts.append(f"One page about it: `dagen report {result.name}`")
    return "\n\n".join(parts) + "\n"


def headline(result: RunResult, dataset: str, baseline: RunResult | None) -> str:
    """One sentence: what the run scores on a data set, and what it gained there."""
    scores = result.scores[dataset]
    before = baseline.scores.get(dataset, {}) if baseline is not None else {}
    facts = []
    for figure, name in FIGURES.items():
        if figure not in scores:
            continue
        text = f"{name} {percent(scores[figure])} %"
        if figure in before:
            text += f" ({points(scores[figure], before[figure])})"
        facts.append(text)
    beside = ""
    if baseline is not None and before:
        beside = f"; in brackets the change from {describe.title(baseline.config)}"
    return f"On {dataset} val: {', '.join(facts)}{beside}."


def _ordered(result: RunResult) -> list[tuple[str, str]]:
    """Scored data sets with their roles, the target first."""
    known = roles(result.config)
    named = [(name, known.get(name, "also scored")) for name in result.scores]
    return sorted(named, key=lambda item: ("target", "source", "also scored").index(item[1]))


def _table(result: RunResult, name: str, role: str, baseline: RunResult | None) -> str:
    scores = result.scores[name]
    before = baseline.scores.get(name) if baseline is not None else None
    heads = ["before", "this run", "change"] if before is not None else ["this run"]
    lines = [
        f"IoU in % on {name} val ({role})",
        "",
        f"| | {' | '.join(heads)} |",
        "|---|" + "---:|" * len(heads),
    ]
    for figure in (*FIGURES, *classes([scores])):
        value = scores.get(figure)
        cells = [percent(value)]
        if before is not None:
            old = before.get(figure)
            cells = [percent(old), percent(value), points(value, old)]
        mark = "**" if figure in FIGURES else ""
        lines.append(f"| {mark}{told(figure)}{mark} | {' | '.join(cells)} |")
    return "\n".join(lines)
