"""MLflow's view of an experiment that compares methods, networks and budgets.

MLflow's pages store what they show (columns, order, charts) in tags of the experiment, which the
button "Views" writes. This module writes these tags, so that nobody has to click them together. A
version of MLflow that does not know them shows its own default.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagen.errors import unknown
from dagen.runs import figures
from dagen.tracking.store import connect, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_PREFIX = "mlflow.sharedViewState."
_KIND = {"mlflow.experimentKind": "custom_model_development"}  # else the pages speak of chats
_FIRST = "dagen-runs"
_SECTION = "dagen"
_NAME = "tags.`mlflow.runName`"
_DATE = "attributes.start_time"


def prepare(runs: Path, experiment: str | None = None) -> str | None:
    """Write dagen's views to the store of ``runs``.

    Args:
        runs: folder of all runs.
        experiment: the MLflow experiment to show; None means the newest run's.

    Returns:
        The experiment's id; None if there is no run yet.

    Raises:
        UsageError: no such experiment; the message names the nearest.
    """
    client = connect(tracking_uri(runs))
    known = {each.name: each.experiment_id for each in client.search_experiments()}
    if experiment is not None and experiment not in known:
        raise unknown("MLflow experiment", experiment, known)
    asked = list(known.values()) if experiment is None else [known[experiment]]
    newest = client.search_runs(asked, max_results=1, order_by=["attributes.start_time DESC"])
    if not newest:
        return None
    found: str = newest[0].info.experiment_id
    save_views(client, found, _summary(client, newest[0]))
    return found


def _summary(client: MlflowClient, newest: Run) -> tuple[str, ...]:
    """The figures of the columns, the headline of the experiment's runs first."""
    task = newest.data.params.get("task", "")
    others = client.search_runs(
        [newest.info.experiment_id], f"params.task != '{task}'", max_results=1
    )
    if others:  # one column serves the headlines of all tasks
        return figures.SUMMARY
    names = [name.split("/", 1) for name in newest.data.metrics if "/" in name]
    scores = {figure: 0.0 for role, figure in names if role in ("target", "source")}
    return figures.summary(task, [scores])


def save_views(client: MlflowClient, experiment_id: str, summary: tuple[str, ...]) -> None:
    """Add dagen's views to those of an experiment; the user's own views stay unchanged.

    Args:
        client: client of the store.
        experiment_id: MLflow's id.
        summary: the figures of the columns, the headline first.
    """
    known = client.get_experiment(experiment_id).tags
    for name, value in {**_KIND, **_views(summary)}.items():
        if known.get(name) != value:
            client.set_experiment_tag(experiment_id, name, value)


def address(server: str, experiment_id: str | None) -> str:
    """The address at which an experiment's runs are shown in dagen's view.

    Args:
        server: such as ``http://127.0.0.1:5000``.
        experiment_id: MLflow's id; None gives the list of experiments.
    """
    if experiment_id is None:
        return f"{server}/#/experiments"
    shown = f"workflowType=machine_learning&viewStateShareKey={_FIRST}"
    return f"{server}/#/experiments/{experiment_id}/runs?{shown}"


def _views(summary: tuple[str, ...]) -> dict[str, str]:
    """The tags; the same in every call with the same figures."""
    runs = _state(summary)
    seeds = {
        **runs,
        "groupBy": {
            "aggregateFunction": "average",
            "groupByKeys": [
                {"mode": "param", "groupByData": name} for name in ("method", "model", "steps")
            ],
        },
    }
    views = {_FIRST: ("dagen: runs", runs), "dagen-seeds": ("dagen: mean over seeds", seeds)}
    return {f"{_PREFIX}{key}": _envelope(*view) for key, view in views.items()}


def _envelope(name: str, state: dict[str, Any]) -> str:
    # MLflow before 3.15 reads the tag itself as the state; later versions read its `state`.
    text = json.dumps(state, separators=(",", ":"))
    columns = {key: state[key] for key in ("selectedColumns", "orderByKey", "orderByAsc")}
    return json.dumps(
        {"name": name, "createdAt": 0, "updatedAt": 0, "state": text, **columns},
        separators=(",", ":"),
    )


def _state(summary: tuple[str, ...]) -> dict[str, Any]:
    first, *others = summary
    target, source = f"target/{first}", f"source/{first}"
    measured = (target, f"gain/{target}", source, *(f"target/{figure}" for figure in others))
    columns = [
        *(f"params.`{name}`" for name in ("method", "model", "steps")),
        *(f"metrics.`{name}`" for name in (*measured, "profile/bytes", "profile/macs")),
        *(f"params.`{name}`" for name in ("task", "seed", "tgt")),
    ]
    cards: list[dict[str, Any]] = [
        {
            "type": "PARALLEL",
            "selectedParams": ["method", "model", "steps"],
            "selectedMetrics": [target],
            "showAllRuns": True,
        },
        {"type": "BAR", "metricKey": target},
        _scatter(source, target),
        _scatter("profile/bytes", target),
    ]
    return {
        "selectedColumns": columns,
        "columnOrder": [_NAME, *columns, _DATE],
        "orderByKey": f"metrics.`{target}`",
        "orderByAsc": False,
        "runsHiddenMode": "FIRST_20_RUNS",
        "compareRunCharts": [
            {
                "uuid": f"dagen-{k}",
                "metricSectionId": _SECTION,
                "deleted": False,
                "isGenerated": False,
                "runsCountToCompare": 100,
                **card,
            }
            for k, card in enumerate(cards)
        ],
        "compareRunSections": [
            {
                "uuid": _SECTION,
                "name": "Method, network and budget",
                "display": True,
                "isReordered": True,
                "deleted": False,
                "isGenerated": False,
            }
        ],
        "isAccordionReordered": True,
    }


def _scatter(x: str, y: str) -> dict[str, Any]:
    axes = {"xaxis": {"key": x, "type": "METRIC"}, "yaxis": {"key": y, "type": "METRIC"}}
    return {"type": "SCATTER", **axes}
