"""What MLflow holds in the end, whatever happened to the run or to MLflow on the way."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from dagen.errors import DagenError, UsageError
from dagen.runs.log import RunLog
from dagen.tracking.delivery import Delivery, deliver, deliver_pending, pending
from dagen.tracking.state import STATE, DeliveryError, State
from dagen.tracking.store import connect, tracking_uri

UNREACHABLE = "http://127.0.0.1:9"  # the discard port: refused at once


class Clock:
    """Seconds that pass when the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", UNREACHABLE)
    monkeypatch.setenv("no_proxy", "127.0.0.1")  # or a proxy of the machine would answer


def begin(runs: Path, name: str = "run", **options: Any) -> tuple[RunLog, Delivery]:
    folder = runs / name
    return RunLog.open(folder), Delivery(folder, "experiment", name, runs=runs, **options)


def curve(runs: Path, run_id: str, metric: str = "loss") -> list[tuple[int, float]]:
    client = connect(tracking_uri(runs))
    points = client.get_metric_history(run_id, metric)
    return sorted((point.step, point.value) for point in points)


def test_a_whole_run(runs: Path) -> None:
    parent = begin(runs, "sweep")[0]
    parent.note("all of them")
    log, delivery = begin(runs, parent=runs / "sweep")
    log.params({"lr": 0.1, "advent": {"weight": 0.01}, **{f"p{i}": i for i in range(150)}})
    log.tags({"method": "advent"})
    log.note("**ADVENT**")
    log.dataset("resortit/train", "0123456789abcdef" * 4, "source")
    log.dataset("taco/train", "fedcba9876543210" * 4, "target", images=105)
    for step in range(1, 1201):
        log.metrics({"loss": 1 / step, "lr": 0.1}, step)
    log.metrics({"target/miou": float("nan")}, 1200)
    (log.folder / "sheet.png").write_bytes(b"picture")
    log.artifact(log.folder / "sheet.png", "pictures")
    log.finish()
    assert pending(log.folder)
    assert delivery.close()
    assert not pending(log.folder)

    client = connect(tracking_uri(runs))
    run = client.get_run(State.load(log.folder).run_id)
    assert (run.info.run_name, run.info.status) == ("run", "FINISHED")
    assert client.get_experiment(run.info.experiment_id).name == "experiment"
    assert len(run.data.params) == 152 and run.data.params["advent.weight"] == "0.01"
    assert run.data.tags["mlflow.note.content"] == "**ADVENT**"
    assert run.data.metrics["loss"] == 1 / 1200
    assert run.data.metrics["target/miou"] != run.data.metrics["target/miou"]  # NaN
    assert [step for step, _ in curve(runs, run.info.run_id)] == list(range(1, 1201))
    assert run.inputs is not None
    inputs = {
        entry.dataset.name: (entry.tags[0].value, json.loads(entry.dataset.source)["sha256"])
        for entry in run.inputs.dataset_inputs
    }
    assert inputs == {
        "resortit/train": ("source", "0123456789abcdef" * 4),
        "taco/train": ("target", "fedcba9876543210" * 4),
    }
    profiles = {entry.dataset.name: entry.dataset.profile for entry in run.inputs.dataset_inputs}
    assert profiles["taco/train"] == '{"images": 105}'
    assert [item.path for item in client.list_artifacts(run.info.run_id, "pictures")] == [
        "pictures/sheet.png"
    ]
    assert (runs / "mlartifacts" / run.info.run_id / "artifacts/pictures/sheet.png").is_file()

    parent_id = run.data.tags["mlflow.parentRunId"]
    assert State.load(parent.folder).run_id == parent_id
    assert deliver_pending(runs) == [parent.folder]
    assert client.get_run(parent_id).data.tags["mlflow.note.content"] == "all of them"
    assert deliver_pending(runs) == []


def test_a_killed_and_resumed_run_continues_its_mlflow_run(runs: Path) -> None:
    log, delivery = begin(runs)
    for step in (1, 2, 3, 4):
        log.metrics({"loss": float(step)}, step)
    log.finish("KILLED")
    assert delivery.close()
    run_id = State.load(log.folder).run_id
    log.metrics({"loss": -1.0}, 5)  # never delivered before it is taken back

    log, delivery = begin(runs)
    log.params({"lr": 0.1})
    log.rewind(2)
    for step in (3, 4, 5, 6):
        log.metrics({"loss": float(step), "lr": 0.1}, step)
    assert deliver(log.folder) == run_id
    client = connect(tracking_uri(runs))
    assert client.get_run(run_id).info.status == "RUNNING"
    assert curve(runs, run_id) == [(step, float(step)) for step in (1, 2, 3, 4, 5, 6)]
    assert [step for step, _ in curve(runs, run_id, "lr")] == [3, 4, 5, 6]
    log.finish()
    assert delivery.close()
    assert client.get_run(run_id).info.status == "FINISHED"


def test_nothing_is_doubled_when_the_process_dies_before_it_notes_what_it_sent(runs: Path) -> None:
    log, delivery = begin(runs)
    log.params({"lr": 0.1})
    log.dataset("taco/train", "ab" * 32, "target")
    log.metrics({"loss": 1.0}, 1)
    before = (log.folder / STATE).read_bytes()
    run_id = deliver(log.folder)
    (log.folder / STATE).write_bytes(before)
    log.metrics({"loss": 2.0}, 2)
    assert delivery.close()
    assert State.load(log.folder).run_id == run_id
    assert curve(runs, run_id) == [(1, 1.0), (2, 2.0)]
    run = connect(tracking_uri(runs)).get_run(run_id)
    assert run.inputs is not None and len(run.inputs.dataset_inputs) == 1
    assert run.data.params == {"lr": "0.1"}


def test_a_store_out_of_reach_gets_the_log_afterwards(
    runs: Path,
    unreachable: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    log, delivery = begin(runs, every=30, clock=clock)
    attempts = []
    with caplog.at_level(logging.WARNING):
        for step in range(1, 1001):
            clock.now += 1
            log.metrics({"loss": 1 / step}, step)
            wait = delivery._due
            delivery.poll()
            if delivery._due != wait:
                attempts.append(clock.now)
    assert attempts == [30, 90, 210, 450, 930]  # 60, 120, 240, 480 seconds apart
    assert len(caplog.records) == 1 and "The run goes on" in caplog.text
    assert not delivery.close()
    assert "dagen ui" in caplog.records[-1].getMessage()

    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    log, delivery = begin(runs)
    assert delivery.close()
    assert len(curve(runs, State.load(log.folder).run_id)) == 1000


def test_an_unreachable_store_is_one_line_without_passwords(
    runs: Path, unreachable: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", UNREACHABLE.replace("//", "//user:secret@"))
    log, _ = begin(runs)
    log.finish()
    with pytest.raises(DeliveryError, match=r"MLflow at http://127\.0\.0\.1:9 did not") as caught:
        deliver(log.folder)
    message = str(caught.value)
    assert "secret" not in message and "\n" not in message and "log.jsonl has all of it" in message


def test_polls_send_what_is_new_every_few_seconds(runs: Path) -> None:
    clock = Clock()
    log, delivery = begin(runs, every=30, clock=clock)
    log.metrics({"loss": 1.0}, 1)
    delivery.poll()
    assert pending(log.folder)
    clock.now = 30
    delivery.poll()
    assert not pending(log.folder)
    log.metrics({"loss": 2.0}, 2)
    clock.now = 59
    delivery.poll()
    assert pending(log.folder)
    clock.now = 60
    delivery.poll()
    assert curve(runs, State.load(log.folder).run_id) == [(1, 1.0), (2, 2.0)]


def test_another_store_gets_the_whole_log(runs: Path, empty_store: Path) -> None:
    log, _ = begin(runs)
    log.metrics({"loss": 1.0}, 1)
    first = deliver(log.folder)
    moved = runs.with_name("moved")
    shutil.move(runs, moved)
    shutil.copy(empty_store, moved / "mlflow.db")
    log, delivery = begin(moved)
    log.metrics({"loss": 2.0}, 2)
    assert delivery.close()
    second = State.load(log.folder).run_id
    assert second != first
    assert curve(moved, second) == [(1, 1.0), (2, 2.0)]


def test_a_store_that_lost_the_run_gets_the_whole_log_again(runs: Path) -> None:
    log, _ = begin(runs)
    log.metrics({"loss": 1.0}, 1)
    first = deliver(log.folder)
    state = State.load(log.folder)
    state.run_id, state.token = "0" * 32, "a token that this store has never seen"
    state.save(log.folder)
    second = deliver(log.folder)
    assert second not in (first, "0" * 32)
    assert curve(runs, second) == [(1, 1.0)]


def test_a_run_that_was_deleted_in_mlflow_is_not_made_again(runs: Path) -> None:
    log, delivery = begin(runs)
    log.metrics({"loss": 1.0}, 1)
    connect(tracking_uri(runs)).delete_run(deliver(log.folder))
    with pytest.raises(DeliveryError, match="was deleted; restore it there"):
        deliver(log.folder)
    assert not delivery.close()


def test_a_run_keeps_its_experiment_and_the_name_that_it_began_with(runs: Path) -> None:
    log, _ = begin(runs)
    with pytest.raises(UsageError, match="experiment 'experiment', not of 'another'"):
        Delivery(log.folder, "another", "run", runs=runs)
    delivery = Delivery(log.folder, "experiment", "what a later version calls it", runs=runs)
    assert delivery.close()
    client = connect(tracking_uri(runs))
    assert client.get_run(State.load(log.folder).run_id).info.run_name == "run"


def test_an_experiment_that_was_deleted_is_named(runs: Path) -> None:
    log, _ = begin(runs)
    log.finish()
    client = connect(tracking_uri(runs))
    client.delete_experiment(client.create_experiment("experiment"))
    with pytest.raises(DeliveryError, match="experiment 'experiment' was deleted"):
        deliver(log.folder)


def test_a_file_that_a_killed_delivery_half_copied_is_removed(runs: Path) -> None:
    log, delivery = begin(runs)
    (log.folder / "a.txt").write_text("a")
    place = runs / "mlartifacts" / deliver(log.folder) / "artifacts" / "pictures"
    place.mkdir(parents=True)
    (place / ".artifact.uploading.abc").write_text("hal")
    log.artifact(log.folder / "a.txt", "pictures")
    assert delivery.close()
    assert [path.name for path in place.iterdir()] == ["a.txt"]


def test_an_artifact_that_is_gone_is_warned_of_and_the_rest_arrives(
    runs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log, delivery = begin(runs)
    (log.folder / "a.txt").write_text("a")
    log.artifact(log.folder / "a.txt")
    (log.folder / "a.txt").unlink()
    log.metrics({"loss": 1.0}, 1)
    assert delivery.close()
    assert "a.txt is gone" in caplog.text
    assert curve(runs, State.load(log.folder).run_id) == [(1, 1.0)]


def test_two_processes_do_not_deliver_one_run_at_a_time(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, _ = begin(runs)
    monkeypatch.setattr("dagen.tracking.state._LOCK_SECONDS", 0.01)
    with FileLock(log.folder / f"{STATE}.lock"), pytest.raises(DeliveryError, match="another pro"):
        deliver(log.folder)


def test_a_folder_without_a_delivery_or_with_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(DagenError, match="is not delivered to MLflow"):
        pending(_with_log(tmp_path / "a"))
    folder = _with_log(tmp_path / "b")
    (folder / STATE).write_text("{")
    with pytest.raises(DagenError, match=r"delivered\.json is damaged"):
        pending(folder)


def _with_log(folder: Path) -> Path:
    RunLog.open(folder).finish()
    return folder
