"""A benchmark in MLflow: one run, its cells the children."""

from pathlib import Path

from dagen.benchmarking.execution import run_benchmark
from dagen.benchmarking.reading import load
from dagen.runs.config import Config
from dagen.runs.log import RunLog
from dagen.runs.runtime import Runtime
from dagen.tracking.delivery import Delivery
from dagen.tracking.state import State
from dagen.tracking.store import connect, tracking_uri
from tests.benchmarking import fake

TEXT = """
base.tgt = "taco"
base.task = "binary"
[[row]]
name = "source-only"
tgt = "none"
[[row]]
name = "oracle+source"
target_labels = "all"
"""


def _run(config: Config, runtime: Runtime) -> None:
    folder = runtime.runs / config.name
    delivery = Delivery(
        folder, runtime.experiment, config.name, parent=runtime.parent, runs=runtime.runs
    )
    fake.finish(config, runtime.runs)
    RunLog.open(folder).finish()
    delivery.close()


def test_cells_are_children_of_one_run(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(TEXT)
    benchmark = load(tmp_path / "small.toml")
    outcome = run_benchmark(
        benchmark, Runtime(runs=runs, device="cpu", quiet=True), tmp_path / "out", runner=_run
    )
    assert not outcome.failures
    state = State.load(runs / "benchmark-small")
    client = connect(tracking_uri(runs))
    parent = client.get_run(state.run_id)
    assert (parent.info.run_name, parent.info.status) == ("benchmark small", "FINISHED")
    name = "enet/binary/resortit to taco/oracle-source/waste_iou"
    assert parent.data.metrics[name] == fake.score(benchmark.cells[1].config)
    files = [entry.path for entry in client.list_artifacts(state.run_id, "results")]
    assert "results/small.md" in files
    mark = f"tags.mlflow.parentRunId = '{state.run_id}'"
    children = client.search_runs([state.experiment_id], mark)
    assert {child.info.run_name for child in children} == {r.run for r in outcome.records}
