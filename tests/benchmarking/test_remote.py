"""What another machine does for a cell, without a cluster: shared folders, files sent back."""

from dataclasses import replace
from pathlib import Path

import pytest

from dagen.benchmarking import remote
from dagen.benchmarking.carrying import pack, unpack
from dagen.benchmarking.remote import Order, mark, work
from dagen.runs.results import intact
from dagen.runs.runtime import Runtime
from tests.benchmarking import fake
from tests.benchmarking.conftest import Make


@pytest.fixture
def order(runtime: Runtime) -> Order:
    return mark(runtime)


def test_a_machine_that_shares_the_folder_writes_there(
    make: Make, runtime: Runtime, order: Order
) -> None:
    config = make().cells[0].config
    answer = work(fake.good, config, runtime, order, {})
    assert answer == remote.Answer() and intact(runtime.runs / config.name) is not None


def test_a_machine_that_does_not_sends_the_files_of_the_run(
    make: Make, runtime: Runtime, order: Order, tmp_path: Path
) -> None:
    source, continued = make().only("continued")
    fake.finish(source.config, runtime.runs)
    needs = {source.config.name: lambda: pack(runtime.runs / source.config.name)}
    other = replace(order, token="of another disk")
    answer = work(fake.needy, continued.config, runtime, other, needs)
    assert answer.reason is None and not (runtime.runs / continued.config.name).exists()
    unpack(answer.files, tmp_path / "back")
    found = intact(tmp_path / "back")
    assert found is not None and found.name == continued.config.name


def test_states_locks_and_drafts_stay_where_they_are(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "candidates").mkdir(parents=True)
    for name in ("result.json", "log.jsonl", "candidates/step-2.safetensors"):
        (run / name).write_bytes(name.encode())
    for name in ("state-00000050.pt", "run.lock", ".result.json.1.tmp"):
        (run / name).write_bytes(b"")
    files = pack(run)
    assert sorted(files) == ["candidates/step-2.safetensors", "log.jsonl", "result.json"]
    unpack(files, tmp_path / "copy")
    assert pack(tmp_path / "copy") == files and pack(tmp_path / "nothing") == {}


def test_other_code_is_refused_before_it_runs(make: Make, runtime: Runtime, order: Order) -> None:
    config = make().cells[0].config
    answer = work(fake.good, config, runtime, replace(order, code="0" * 64), {})
    assert answer.reason is not None and "has another version of dagen" in answer.reason
    assert fake.ran(runtime.runs) == []
    assert order.code == remote.code() and len(order.code) == 64


def test_a_run_that_was_asked_to_stop_is_no_failure(
    make: Make, runtime: Runtime, order: Order
) -> None:
    answer = work(fake.asked, make().cells[0].config, runtime, order, {})
    assert answer.stopped and answer.reason == "it is saved."
