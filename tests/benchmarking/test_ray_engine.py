"""A grid on a Ray cluster of three nodes: killed machines, killed drivers, the same results."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dagen.benchmarking import ray_engine
from dagen.benchmarking.execution import run_benchmark
from dagen.benchmarking.ray_engine import Ray
from dagen.benchmarking.remote import Order
from dagen.benchmarking.running import run_cells
from dagen.errors import DagenError, Stopped, UsageError
from dagen.runs.runtime import Runtime
from tests.benchmarking import fake
from tests.benchmarking.conftest import ROWS, Make

ROOT = Path(__file__).parents[2]
STORE = 80 * 2**20  # bytes of shared memory of a node, about the least that Ray takes


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without cores, and two machines of one core each; nothing leaves this computer."""
    pytest.importorskip("ray", reason="needs Ray: pip install 'dagen[ray]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", str(ROOT))  # the nodes find the runners of the tests
        patch.delenv("RAY_ADDRESS", raising=False)
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE}
        started = Cluster(initialize_head=True, head_node_args=head)
        for _ in range(2):
            started.add_node(num_cpus=1, object_store_memory=STORE)
        yield started
        started.shutdown()


def when(ready: Callable[[], Any], then: Callable[[], Any]) -> threading.Thread:
    """Do ``then`` in a thread as soon as ``ready`` holds."""

    def wait() -> None:
        end = time.monotonic() + 120
        while not ready() and time.monotonic() < end:
            time.sleep(0.05)
        if ready():
            then()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


DRIVER = """
import sys
from pathlib import Path
from dagen.benchmarking.execution import run_benchmark
from dagen.benchmarking.ray_engine import Ray
from dagen.benchmarking.reading import load
from dagen.runs.runtime import Runtime
from tests.benchmarking import fake

file, runs, out, address = sys.argv[1:]
runtime = Runtime(runs=runs, device="cpu", track=False, quiet=True)
run_benchmark(load(Path(file)), runtime, Path(out), engine=Ray(address), runner=fake.held)
"""


def test_a_killed_driver_and_a_killed_machine_change_nothing(
    cluster: Any,
    make: Make,
    runtime: Runtime,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = "[[row]]" + "[[row]]".join(ROWS.split("[[row]]")[1:4])
    grid = make(grid="[grid]\nmodel = ['enet']\ntask = ['binary']\nseed = [0]", rows=rows)
    assert [cell.row for cell in grid.cells] == ["source-only", "continued", "adabn"]
    local = replace(runtime, runs=tmp_path / "local-runs")
    run_benchmark(grid, local, tmp_path / "local", runner=fake.good)

    words = [str(tmp_path / "small.toml"), str(runtime.runs), str(tmp_path / "out")]
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, *words, cluster.address], cwd=ROOT)
    held = when(lambda: fake.holds(runtime.runs) and fake.ran(runtime.runs), driver.kill)
    assert driver.wait() == -signal.SIGKILL
    held.join()
    done = fake.ran(runtime.runs)
    assert 0 < len(done) < len(grid.cells)

    def kill() -> None:
        lost = fake.holds(runtime.runs)[1]
        (node,) = (node for node in cluster.worker_nodes if node.node_id == lost)
        cluster.remove_node(node, allow_graceful=False)

    killer = when(lambda: len(fake.holds(runtime.runs)) == 2, kill)
    engine = Ray(cluster.address, memory=2**20)
    outcome = run_benchmark(grid, runtime, tmp_path / "out", engine=engine, runner=fake.held)
    killer.join()
    cluster.add_node(num_cpus=1, object_store_memory=STORE)
    assert not outcome.failures
    assert "adabn/enet/binary/s0 lost its machine (Task failed because the node" in caplog.text
    assert "(raylet)" not in capsys.readouterr().out  # Ray's own pages about it
    # What was done is not done again, and every file of the results is the same.
    assert fake.ran(runtime.runs)[: len(done)] == done
    assert sorted(fake.ran(runtime.runs)) == sorted({c.config.name for c in grid.cells})
    files = sorted(path.name for path in (tmp_path / "local").iterdir())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == files
    for name in files:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()


def test_a_cell_that_ends_every_machine_is_given_up(
    cluster: Any, make: Make, runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    cells = make().only("adabn/*/s0")
    failures = run_cells(cells, runtime, engine=Ray(cluster.address), runner=fake.violent)
    assert [failure.cell for failure in failures] == cells
    assert failures[0].reason.startswith("its machine was lost 3 times; the last: ")
    assert caplog.text.count("it is tried again") == 2


def test_machines_without_the_folder_of_all_runs_send_their_files(
    cluster: Any, make: Make, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(runtime: Runtime) -> Order:
        return replace(mark(runtime), token="of another disk")

    mark = ray_engine.mark
    monkeypatch.setattr(ray_engine, "mark", elsewhere)
    cells = make().only("continued")
    source, continued = cells
    assert run_cells(cells, runtime, engine=Ray(cluster.address), runner=fake.needy) == []
    for cell in cells:
        folder = runtime.runs / cell.config.name
        assert {path.name for path in folder.iterdir()} == {
            "log.jsonl", "model.safetensors", "result.json",
        }  # fmt: skip
    assert fake.ran(runtime.runs) == []  # it was written elsewhere
    assert continued.needs == (source.config.name,)


def test_ctrl_c_asks_the_cells_to_save(cluster: Any, make: Make, runtime: Runtime) -> None:
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        pytest.skip("a job in the background of a shell ignores Ctrl-C")
    cells = make().only("adabn/*")
    began, saved = runtime.runs / "began.txt", runtime.runs / "saved.txt"
    thread = when(began.exists, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(Stopped, match="run again to resume") as stopped:
        run_cells(cells, runtime, engine=Ray(cluster.address, jobs=1), runner=fake.patient)
    thread.join()
    assert stopped.value.exit_code == 130
    assert saved.read_text() == began.read_text() == cells[0].config.name + "\n"


def test_what_ray_cannot_do_is_one_line(
    cluster: Any, make: Make, runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(UsageError, match="the device is cuda:1; Ray chooses the GPU"):
        run_cells([], replace(runtime, device="cuda:1"), engine=Ray(cluster.address))
    with pytest.raises(DagenError, match=r"cannot join the Ray cluster at 127\.0\.0\.1:9"):
        run_cells([], runtime, engine=Ray("127.0.0.1:9"))
    waits = when(
        lambda: "no machine of the cluster has CPU 64: cells wait for one." in caplog.text,
        lambda: os.kill(os.getpid(), signal.SIGTERM),
    )
    cells = make().only("adabn/*/s0")
    with pytest.raises(Stopped):
        run_cells(cells, runtime, engine=Ray(cluster.address, cpus=64), runner=fake.good)
    waits.join()
    assert fake.ran(runtime.runs) == []
    with pytest.raises(UsageError, match="cpus is -1; give at least 0"):
        Ray(cpus=-1)


def test_ray_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'dagen\[ray\]'"):
        Ray()
