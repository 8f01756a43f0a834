"""A benchmark in MLflow: one run, its cells the children."""

from pathlib import Path

import pytest

from dagen.benchmarking.attempt import Runner
from dagen.benchmarking.deliveries import Deliveries
from dagen.benchmarking.execution import run_benchmark
from dagen.benchmarking.queue import Queue
from dagen.benchmarking.reading import load
from dagen.benchmarking.running import LOCAL, Engine
from dagen.runs import describe
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
        folder,
        runtime.experiment,
        describe.run_name(config.to_dict(), config.name),
        parent=runtime.parent,
        runs=runtime.runs,
    )
    fake.finish(config, runtime.runs)
    RunLog.open(folder).finish()
    delivery.close()


class Elsewhere:
    """Runs cells as other machines do, which leaves the delivery of their logs to this process."""

    parallel = True

    def run(self, queue: Queue, runtime: Runtime, runner: Runner) -> None:
        deliveries = Deliveries(runtime)
        while (cell := queue.take()) is not None:
            deliveries.begin(cell)
            fake.finish(cell.config, runtime.runs)
            deliveries.poll()
            RunLog.open(runtime.runs / cell.config.name).finish()
            deliveries.end(cell)
            queue.end(cell, None)


@pytest.mark.parametrize("engine", [LOCAL, Elsewhere()])
def test_cells_are_children_of_one_run(engine: Engine, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(TEXT)
    benchmark = load(tmp_path / "small.toml")
    runtime = Runtime(runs=runs, device="cpu", quiet=True)
    outcome = run_benchmark(benchmark, runtime, tmp_path / "out", engine=engine, runner=_run)
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
    assert {child.info.run_name for child in children} == {
        describe.run_name(cell.config.to_dict(), cell.config.name) for cell in benchmark.cells
    }
    assert {child.info.status for child in children} == {"FINISHED"}
