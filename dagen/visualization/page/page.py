"""One page about runs, in one file that needs no network: ``dagen report``.

Markup and style are files beside this one (``page.html``, ``page.css``); everything on the page
comes from the folders of the runs, so that the same runs give the same page. Its content policy
forbids loading anything from elsewhere, and there is no script.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagen.errors import UsageError
from dagen.runs import describe, figures
from dagen.runs.figures import percent
from dagen.runs.note import headline
from dagen.system import device
from dagen.system.files import write_atomically
from dagen.version import __version__
from dagen.visualization import curves
from dagen.visualization.page import charts, pictures, tables
from dagen.visualization.page.subjects import Subject, open_all

_HERE = Path(__file__).parent


def write(
    given: Sequence[str],
    runs: Path,
    out: Path | None = None,
    *,
    latency: bool = False,
    track: bool = True,
) -> tuple[Path, list[Path]]:
    """Write the page about some runs.

    Args:
        given: folders, names or hashes of finished runs; the one before adaptation first. If all
            runs share it and it is not given, it is added.
        runs: folder of all runs.
        out: the HTML file; None is ``report.html`` in the run's folder or, for several runs, a file
            named after them in the last one's folder.
        latency: measure the networks' latency on this machine now.
        track: add the page to the runs' MLflow runs.

    Returns:
        The file, and the folders of the runs whose MLflow run has it.

    Raises:
        UsageError: a run that is missing, unfinished or given twice.
        DagenError: a result, log or image is damaged, or the file cannot be written.
    """
    from dagen.tracking.later import add_to_run

    subjects = open_all(given, runs)
    path = out or _place(subjects)
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is not a folder; make it, or give another --out.")
    write_atomically(path, render(subjects, latency=latency).encode())
    asked = [subject.result.folder for subject in subjects if not subject.added] if track else []
    return path, [folder for folder in asked if add_to_run(folder, {}, 0, [path], "report")]


def render(subjects: Sequence[Subject], *, latency: bool = False) -> str:
    """The page as HTML."""
    import torch
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    measured = [_latency(subject) for subject in subjects] if latency else None
    different, same = tables.differences(subjects)
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    last = subjects[-1]
    return environment.get_template("page.html").render(
        style=Markup((_HERE / "page.css").read_text(encoding="utf-8")),
        title=_title(subjects),
        headlines=_headlines(subjects),
        subjects=subjects,
        colours=charts.COLOURS,
        dashes=charts.dashes,
        told="; ".join(subject.told for subject in subjects),
        scores=tables.scores(subjects),
        different=different,
        same=same,
        curves=[(name, Markup(svg)) for name, svg in _curves(subjects)],
        choices=tables.choices(subjects),
        streams=tables.streams(subjects),
        sheets=pictures.sheets(subjects),
        drawn=pictures.drawn(subjects),
        costs=tables.costs(subjects, measured),
        machine=device.describe(torch.device("cpu")) if latency else None,
        commands=[describe.command(subject.result.config) for subject in subjects],
        made=[_made(subject) for subject in subjects],
        task=last.result.config["task"],
        version=__version__,
    )


def _place(subjects: Sequence[Subject]) -> Path:
    asked = [subject.result for subject in subjects if not subject.added]
    codes = "" if len(asked) == 1 else "-" + "-".join(r.name.rsplit("-", 1)[-1] for r in asked[:6])
    return asked[-1].folder / f"report{codes}.html"


def _title(subjects: Sequence[Subject]) -> str:
    last = subjects[-1]
    told = {1: last.title, 2: f"{last.title} beside {subjects[0].title}"}
    what = told.get(len(subjects), f"{len(subjects)} runs compared")
    return f"{what}: {describe.domains(last.result.config)}"


def _headlines(subjects: Sequence[Subject]) -> list[str]:
    """A sentence on each domain: a run's change from the first run, or all runs' headline score."""
    last = subjects[-1].result
    roles = describe.roles(last.config)
    shown = [name for name, _ in describe.by_role(last.config, last.scores) if name in roles]
    if len(subjects) < 3:
        first = subjects[0].result if len(subjects) > 1 else None
        return [headline(last, name, first) for name in shown]
    sentences = []
    for name in shown:
        known = {s.title: s.result.scores.get(name, {}) for s in subjects}
        figure = figures.headline(last.config["task"], known.values())
        values = "; ".join(f"{t} {percent(one.get(figure))} %" for t, one in known.items())
        sentences.append(f"{figures.title(figure, last.config['task'])} on {name} val: {values}.")
    return sentences


def _curves(subjects: Sequence[Subject]) -> list[tuple[str, str]]:
    """Charts of the values logged in training, the loss first, then scores by checkpoint."""
    names = curves.shown([subject.curves for subject in subjects])
    last = subjects[-1].result
    task = last.config["task"]
    shown = {name: curves.title(name) for name in names} | {
        f"candidates/{figure}": f"{figures.title(figure, task)} on the target, by checkpoint"
        for figure in figures.summary(task, last.scores.values())
    }
    titles = {k: subject.title for k, subject in enumerate(subjects)}
    found = []
    for name, figure in shown.items():
        drawn = {k: s.curves[name] for k, s in enumerate(subjects) if name in s.curves}
        if svg := charts.lines(figure, drawn, titles):
            found.append((figure, svg))
    return found


def _latency(subject: Subject) -> float:
    from dagen.models.deployed.cost import latency
    from dagen.models.deployed.file import load_deployed

    network, card = load_deployed(subject.result.model)
    return latency(network.eval(), card.size)


def _made(subject: Subject) -> list[tuple[str, str]]:
    """Provenance of the page's numbers."""
    tags = subject.tags
    facts = [
        ("commit", tags.get("git.commit", "unknown")),
        ("versions", f"dagen {tags.get('dagen.version', 'unknown')}, "
                     f"torch {tags.get('torch.version', 'unknown')}"),
    ]  # fmt: skip
    if subject.ended is not None:
        when = datetime.fromtimestamp(subject.ended / 1000, UTC)
        facts.append(("finished", f"{when:%Y-%m-%d %H:%M} UTC"))
    facts += [(f"data ({record['role']})", _data(record)) for record in subject.data]
    return facts


def _data(record: dict[str, Any]) -> str:
    count = f", {record['images']:,} images" if "images" in record else ""
    return f"{record['name']}{count}, SHA-256 {record['fingerprint'][:16]}…"
