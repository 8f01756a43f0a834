"""dagen's views of an experiment, as MLflow's pages read them."""

import json
from pathlib import Path

import pytest

from dagen.errors import UsageError
from dagen.tracking.store import connect, tracking_uri
from dagen.tracking.view import address, prepare
from tests.tracking import made

PREFIX = "mlflow.sharedViewState."


def test_every_column_and_chart_is_of_something_that_runs_log(runs: Path) -> None:
    made.finish(made.source_only(), runs, target=0.1)
    made.finish(made.config(), runs, target=0.2, track=True)
    experiment = prepare(runs)
    assert experiment is not None
    client = connect(tracking_uri(runs))
    run = client.search_runs([experiment])[0]
    known = {f"params.`{name}`" for name in run.data.params}
    known |= {f"metrics.`{name}`" for name in run.data.metrics}
    tags = client.get_experiment(experiment).tags
    views = {k.removeprefix(PREFIX): v for k, v in tags.items() if k.startswith(PREFIX)}
    assert f"viewStateShareKey={next(iter(views))}" in address("http://x", experiment)
    for text in views.values():
        assert len(text) < 5000  # MLflow's limit
        view = json.loads(text)
        state = json.loads(view["state"])
        assert set(state["selectedColumns"]) <= known and state["orderByKey"] in known
        charts = state["compareRunCharts"]
        assert {chart["type"] for chart in charts} == {"PARALLEL", "BAR", "SCATTER"}
        for chart in charts:
            params = [f"params.`{name}`" for name in chart.get("selectedParams", ())]
            names = [*chart.get("selectedMetrics", ()), chart.get("metricKey")]
            names += [chart.get(axis, {}).get("key") for axis in ("xaxis", "yaxis")]
            assert {*params, *(f"metrics.`{name}`" for name in names if name)} <= known


def test_the_users_own_views_stay(runs: Path) -> None:
    made.finish(made.config(), runs, track=True)
    client = connect(tracking_uri(runs))
    experiment = prepare(runs, "dagen")
    assert experiment is not None
    client.set_experiment_tag(experiment, f"{PREFIX}mine", "{}")
    before = client.get_experiment(experiment).tags
    assert prepare(runs) == experiment
    assert client.get_experiment(experiment).tags == before


def test_no_run_and_no_such_experiment(runs: Path) -> None:
    assert prepare(runs) is None
    assert address("http://x", None) == "http://x/#/experiments"
    with pytest.raises(UsageError, match="unknown MLflow experiment 'dagne'"):
        prepare(runs, "dagne")


@pytest.mark.parametrize(
    ("tasks", "first"),
    [
        (("binary",), "waste_iou"),
        (("material",), "foreground_miou"),
        (("binary", "material"), "foreground_miou"),  # the headline of both, in one column
    ],
    ids="+".join,
)
def test_the_headline_score_leads(runs: Path, tasks: tuple[str, ...], first: str) -> None:
    for task in tasks:
        made.finish(made.config(task=task), runs, track=True)
    experiment = prepare(runs)
    assert experiment is not None
    tags = connect(tracking_uri(runs)).get_experiment(experiment).tags
    for text in (value for name, value in tags.items() if name.startswith(PREFIX)):
        state = json.loads(json.loads(text)["state"])
        assert state["orderByKey"] == f"metrics.`target/{first}`"
        scores = [name for name in state["selectedColumns"] if "iou" in name]
        assert scores[:3] == [
            f"metrics.`{name}/{first}`" for name in ("target", "gain/target", "source")
        ]
        assert scores[-1] == "metrics.`target/miou`"  # still shown, but last
        bars = [c["metricKey"] for c in state["compareRunCharts"] if c["type"] == "BAR"]
        assert bars == [f"target/{first}"]
