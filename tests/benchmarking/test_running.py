"""Cells run once each, resume, fail alone, and several at a time."""

from collections.abc import Iterable

import pytest

from dagen.benchmarking.attempt import attempt
from dagen.benchmarking.cells import Cell
from dagen.benchmarking.queue import Failure, Watcher
from dagen.benchmarking.running import Local, run_cells
from dagen.errors import Stopped
from dagen.runs.config import Config
from dagen.runs.runtime import Runtime
from tests.benchmarking import fake
from tests.benchmarking.conftest import Make


def test_what_is_done_is_not_done_again(make: Make, runtime: Runtime) -> None:
    cells = make().cells
    fake.finish(cells[0].config, runtime.runs)
    assert run_cells(cells, runtime, runner=fake.good) == []
    assert fake.ran(runtime.runs) == [cell.config.name for cell in cells[1:]]
    assert run_cells(cells, runtime, runner=fake.good) == []
    assert len(fake.ran(runtime.runs)) == len(cells) - 1


def test_two_rows_that_are_one_run_are_done_once(make: Make, runtime: Runtime) -> None:
    cells = make(rows="""
        [[row]]
        name = "source-only"
        tgt = "none"
        [[row]]
        name = "the same"
        method = "supervised"
        tgt = "none"
    """).cells  # fmt: skip
    assert len(cells) == 4
    run_cells(cells, runtime, runner=fake.good)
    assert len(fake.ran(runtime.runs)) == 2


def test_a_failure_stops_nothing_and_is_tried_again(make: Make, runtime: Runtime) -> None:
    cells = make().cells
    told: list[tuple[str, bool]] = []

    class Listener(Watcher):
        def ended(self, cell: Cell, failure: Failure | None) -> None:
            told.append((cell.label, failure is None))

    failures = run_cells(cells, runtime, runner=fake.unlucky, watcher=Listener())
    assert {failure.cell.row: failure.reason for failure in failures} == {
        "adabn": "the disk is full; free some space.",
        "continued": "ZeroDivisionError: division by zero",
    }
    assert len(told) == len(cells) and sum(good for _, good in told) == len(cells) - 3
    assert run_cells(cells, runtime, runner=fake.good) == []
    assert len(set(fake.ran(runtime.runs))) == len(cells)


def test_what_starts_from_a_failure_fails_too(make: Make, runtime: Runtime) -> None:
    def broken(config: Config, runtime: Runtime) -> None:
        if config.method == ("supervised",) and config.tgt is None:
            raise MemoryError
        fake.good(config, runtime)

    failures = run_cells(make().only("continued"), runtime, runner=broken)
    reasons = {failure.cell.label: failure.reason for failure in failures}
    assert reasons["continued/enet/binary/s0"] == (
        "it starts from source-only/enet/binary/s0, which failed."
    )
    assert reasons["source-only/enet/binary/s0"].startswith("MemoryError")
    assert fake.ran(runtime.runs) == []


def test_a_run_without_a_result_has_failed(make: Make, runtime: Runtime) -> None:
    cells = make().only("adabn/*/s0")
    failures = run_cells(cells, runtime, runner=lambda config, runtime: None)
    assert [failure.reason for failure in failures] == ["it ended without a result."]


@pytest.mark.parametrize("error", [KeyboardInterrupt, Stopped("asked to stop")])
def test_stopping_is_not_a_failure_of_a_cell(
    make: Make, runtime: Runtime, error: BaseException
) -> None:
    def asked(config: Config, runtime: Runtime) -> None:
        raise error

    with pytest.raises((KeyboardInterrupt, Stopped)):
        attempt(asked, make().cells[0].config, runtime)


def test_processes_share_the_work_and_one_that_is_killed_fails_alone(
    make: Make, runtime: Runtime
) -> None:
    cells = {cell.row: cell for cell in make().only("*/s0")}
    seen: set[str] = set()

    class Listener(Watcher):
        def running(self, cells: Iterable[Cell]) -> None:
            seen.update(cell.row for cell in cells)

    chosen = [cells["adabn"], cells["source-only"]]
    failures = run_cells(chosen, runtime, engine=Local(2), runner=fake.violent, watcher=Listener())
    assert [failure.cell.row for failure in failures] == ["adabn"]
    assert "SIGKILL" in failures[0].reason
    done = [path.parent.name for path in runtime.runs.glob("*/result.json")]
    assert done == [cells["source-only"].config.name]
    assert seen == {"adabn", "source-only"}
