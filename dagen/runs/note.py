"""The description of a run that MLflow shows above it, in Markdown."""

from __future__ import annotations

from dagen.runs import describe, figures
from dagen.runs.figures import percent, points
from dagen.runs.results import RunResult
from dagen.runs.seen import text


def note(result: RunResult, baseline: RunResult | None) -> str:
    """The text: what was run, its scores, how to repeat it.

    Args:
        result: result of the run.
        baseline: result that it is compared with, if it exists.
    """
    config, profile = result.config, result.profile
    scored = describe.by_role(config, result.scores)
    parts = [
        f"**{result.title}** on **{config['model']}**, {describe.domains(config)}, task "
        f"{config['task']}: {describe.budget(config, result.stream_images)}, "
        f"seed {config['seed']}.",
        *(headline(result, name, baseline) for name, _ in scored[:1]),
        *(_table(result, name, role, baseline) for name, role in scored),
        f"{profile['parameters']:,.0f} parameters, {profile['bytes'] / 1e6:.2f} MB deployed, "
        f"{profile['macs'] / 1e9:.3f} GMAC for an image of {describe.text(config['size'])}, "
        f"{result.seconds:.0f} s of training.",
    ]
    if (alarms := result.false_alarms) is not None:
        parts.append(
            f"False alarms: {percent(alarms.share, 2)} % of the pixels of {alarms.images} scenes "
            f"without objects ({alarms.data})."
        )
    if result.compiled is not None:
        parts.append(f"Compiled: {result.compiled}")
    if result.seen:
        parts.append(f"Besides these data sets it has learned from {text(result.seen)}.")
    if result.weights is not None:
        parts.append(f"SHA-256 of the weights: `{result.weights}`")
    if (selection := result.selection) is not None:
        parts.append(
            f"Deployed: the checkpoint of step {selection.step}, chosen by `{selection.select}`."
        )
    parts.append(f"Make it again:\n\n```sh\n{describe.command(config)}\n```")
    parts.append(f"One page about it: `dagen report {result.name}`")
    return "\n\n".join(parts) + "\n"


def headline(result: RunResult, dataset: str, baseline: RunResult | None) -> str:
    """One sentence: the run's scores on a data set, and its gains there."""
    scores = result.scores[dataset]
    before = baseline.scores.get(dataset, {}) if baseline is not None else {}
    facts = []
    task = result.config["task"]
    for figure in figures.summary(task, [scores]):
        if figure not in scores:
            continue
        text = f"{figures.title(figure, task)} {percent(scores[figure])} %"
        if figure in before:
            text += f" ({points(scores[figure], before[figure])})"
        facts.append(text)
    beside = ""
    if baseline is not None and before:
        beside = f"; in brackets the change from {baseline.title}"
    return f"On {dataset} val: {', '.join(facts)}{beside}."


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
    task = result.config["task"]
    leading = figures.summary(task, [scores])
    for figure in (*leading, *figures.classes([scores])):
        value = scores.get(figure)
        cells = [percent(value)]
        if before is not None:
            old = before.get(figure)
            cells = [percent(old), percent(value), points(value, old)]
        mark = "**" if figure in leading else ""
        lines.append(f"| {mark}{figures.title(figure, task)}{mark} | {' | '.join(cells)} |")
    return "\n".join(lines)
