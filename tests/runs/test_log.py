"""The log of a run, as its folder holds it."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from dagen.errors import DagenError, UsageError
from dagen.runs.history import LOG, history, read_records, read_with_ends
from dagen.runs.log import RunLog


def kinds(folder: Path) -> list[str]:
    return [record["kind"] for record in read_records(folder)]


def values(folder: Path, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for record in read_records(folder):
        if record["kind"] == kind:
            found.update(record["values"])
    return found


def test_everything_is_on_the_disk_when_the_call_returns(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path / "run")
    log.params({"lr": 0.001, "advent": {"weight": 0.01, "size": (2, 3)}})
    log.tags({"dagen.version": "1"})
    log.note("a *run*")
    log.metrics({"loss": torch.tensor(0.5), "target/miou": 1}, step=10)
    log.dataset("taco/train", "ab" * 32, "target")
    log.finish("KILLED")
    assert kinds(log.folder) == ["params", "tags", "tags", "metrics", "dataset", "status"]
    assert values(log.folder, "params") == {
        "lr": "0.001",
        "advent.weight": "0.01",
        "advent.size": "(2, 3)",
    }
    assert values(log.folder, "tags")["mlflow.note.content"] == "a *run*"
    assert values(log.folder, "metrics") == {"loss": 0.5, "target/miou": 1.0}
    assert read_records(log.folder)[-1]["status"] == "KILLED"


def test_numbers_that_json_lacks_come_back(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path)
    log.metrics({"a": math.nan, "b": math.inf, "c": -math.inf}, step=1)
    curves = history(tmp_path)
    assert math.isnan(curves["a"][0][1])
    assert (curves["b"], curves["c"]) == ([(1, math.inf)], [(1, -math.inf)])


def test_a_resumed_run_logs_no_parameter_twice_and_changed_ones_as_tags(tmp_path: Path) -> None:
    RunLog.open(tmp_path).params({"lr": 0.1, "device": "cpu"})
    log = RunLog.open(tmp_path)
    log.params({"lr": 0.1, "device": "cuda", "new": 1})
    assert [r["values"] for r in read_records(tmp_path) if r["kind"] == "params"] == [
        {"lr": "0.1", "device": "cpu"},
        {"new": "1"},
    ]
    assert values(tmp_path, "tags") == {"resumed.device": "cuda"}
    size = (tmp_path / LOG).stat().st_size
    log.params({"lr": 0.1, "new": 1})
    assert (tmp_path / LOG).stat().st_size == size


def test_after_a_rewind_later_steps_no_longer_count(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path)
    for step in (1, 2, 3, 4):
        log.metrics({"loss": float(step)}, step)
    log.metrics({"late": 1.0}, 4)
    log.rewind(2)
    assert history(tmp_path) == {"loss": [(1, 1.0), (2, 2.0)]}
    for step in (3, 4):
        log.metrics({"loss": float(10 * step)}, step)
    assert history(tmp_path) == {"loss": [(1, 1.0), (2, 2.0), (3, 30.0), (4, 40.0)]}
    log.metrics({"loss": 41.0}, 4)
    assert history(tmp_path)["loss"][-2:] == [(3, 30.0), (4, 41.0)]


def test_a_run_that_was_never_begun_has_nothing_to_rewind(tmp_path: Path) -> None:
    RunLog.open(tmp_path).rewind(0)
    assert read_records(tmp_path) == [] and history(tmp_path) == {}


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path)
    log.metrics({"loss": 1.0}, 1)
    whole = (tmp_path / LOG).read_bytes()
    (tmp_path / LOG).write_bytes(whole + whole[:-9])
    assert history(tmp_path) == {"loss": [(1, 1.0)]}
    RunLog.open(tmp_path).metrics({"loss": 2.0}, 2)
    assert history(tmp_path) == {"loss": [(1, 1.0), (2, 2.0)]}


@pytest.mark.parametrize(
    "line",
    [
        b"{]\n", b"[1]\n", b"{}\n", b'{"kind": 3}\n', b"\0\0\0\n", b"[" * 100_000 + b"\n",
        b'{"kind": "new"}\n', b'{"kind": "metrics", "time": 1, "step": 1}\n',
        b'{"kind": "metrics", "time": 1, "step": 1, "values": {"loss": "low"}}\n',
        b'{"kind": "metrics", "time": 1, "step": "x", "values": {"loss": 1}}\n',
        b'{"kind": "rewind", "time": 1}\n', b'{"kind": "tags", "time": 1, "values": 3}\n',
        b'{"kind": "dataset", "time": 1}\n', b'{"kind": "status"}\n',
    ],
)  # fmt: skip
def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path, line: bytes) -> None:
    RunLog.open(tmp_path).metrics({"loss": 1.0}, 1)
    whole = (tmp_path / LOG).read_bytes()
    (tmp_path / LOG).write_bytes(whole + line + whole)
    with pytest.raises(DagenError, match=f"damaged at byte {len(whole)}"):
        RunLog.open(tmp_path)


def test_records_know_where_they_end(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path)
    log.tags({"name": "größer"})
    log.finish()
    found = read_with_ends(tmp_path)
    assert found[-1][1] == (tmp_path / LOG).stat().st_size
    assert read_records(tmp_path, start=found[0][1]) == [found[1][0]]


def test_files_of_the_run_are_named_relative_to_it(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path / "run")
    (log.folder / "a.png").write_bytes(b"")
    (tmp_path / "b.png").write_bytes(b"")
    log.artifact(log.folder / "a.png", "pictures")
    log.artifact(tmp_path / "b.png")
    log.model(log.folder / "a.png")
    paths = [record["path"] for record in read_records(log.folder)]
    assert paths == ["a.png", str((tmp_path / "b.png").resolve()), "a.png"]
    with pytest.raises(DagenError, match="no such file"):
        log.artifact(tmp_path / "c.png")


@pytest.mark.parametrize("name", ["", "a,b", "/a", "../a", "a//b", "a/", "x" * 251, "a\nb"])
def test_names_that_mlflow_refuses_are_refused_at_once(tmp_path: Path, name: str) -> None:
    log = RunLog.open(tmp_path)
    for call in (log.params, log.tags, lambda v: log.metrics(v, 1)):
        with pytest.raises(UsageError, match="cannot be logged to MLflow"):
            call({name: 1})
    assert not (tmp_path / LOG).exists()


def test_an_unknown_status_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="DONE"):
        RunLog.open(tmp_path).finish("DONE")  # type: ignore[arg-type]


def test_lines_are_plain_json(tmp_path: Path) -> None:
    RunLog.open(tmp_path).metrics({"loss": math.nan}, 3)
    line = json.loads((tmp_path / LOG).read_text(), parse_constant=pytest.fail)
    assert line["step"] == 3 and line["values"] == {"loss": "nan"}


def test_a_changed_digit_is_noticed_and_old_lines_have_no_checksum(tmp_path: Path) -> None:
    log = RunLog.open(tmp_path)
    log.metrics({"loss": 0.25}, step=1)
    path = tmp_path / LOG
    line = path.read_text()
    path.write_text(line.replace("0.25", "0.35"))
    with pytest.raises(DagenError, match="damaged at byte 0"):
        read_records(tmp_path)
    old = {name: value for name, value in json.loads(line).items() if name != "crc"}
    path.write_text(json.dumps(old) + "\n")
    assert read_records(tmp_path) == [old]
