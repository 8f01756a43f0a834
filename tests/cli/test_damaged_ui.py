"""``dagen ui`` on damaged, moved and half-made folders of runs: a page, or one line why not."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from dagen import cli
from dagen.cli import ui
from dagen.errors import DagenError
from dagen.tracking.store import connect, tracking_uri
from tests.tracking import made

ROOT = Path(__file__).parents[2]
STORE = "mlflow.db"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two runs that MLflow has, and nothing else."""
    runs = made.with_store(tmp_path / "runs")
    for method in ("advent", "minent"):
        made.finish(made.config(method), runs, track=True)
    return runs


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is done but the pages themselves, which another test serves."""

    @contextmanager
    def served(command: list[str]) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(returncode=0)

    monkeypatch.setattr(ui, "_served", served)
    monkeypatch.setattr(ui, "_answers", lambda server, port: False)
    monkeypatch.setattr(ui, "_require_free", lambda port: None)


def _call(runs: Path) -> str:
    """What the command says, in one line if it refuses; any other error is raised."""
    found = CliRunner().invoke(cli.app, ["ui", "--runs", str(runs)])
    if isinstance(found.exception, DagenError):
        assert "\n" not in str(found.exception)
        return str(found.exception)
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    assert found.exit_code == 0
    return ""


def _known(runs: Path) -> int:
    """The number of runs in the store."""
    client = connect(tracking_uri(runs))
    return len(client.search_runs([each.experiment_id for each in client.search_experiments()]))


def _replaced(content: bytes | None) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.unlink()
        if content is None:
            path.mkdir()
        else:
            path.write_bytes(content)

    return damage


DAMAGES = {
    "empty": _replaced(b""),
    "no JSON": _replaced(b"{"),
    "nothing in it": _replaced(b"{}"),
    "not text": _replaced(b"\xff\xfe\n"),
    "another kind": _replaced(b"[1, 2]\n"),
    "fields of other kinds": _replaced(
        b'{"experiment": 1, "run_name": 2, "parent": 3, "token": 4, "uri": 5, "position": "x"}'
    ),
    "a folder": _replaced(None),
    "gone": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["delivered.json", "log.jsonl"])
def test_a_damaged_run_does_not_hide_the_others(
    runs: Path, name: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    victim, other = sorted(path.parent for path in runs.glob("*/delivered.json"))
    DAMAGES[damage](victim / name)
    with (other / "log.jsonl").open("a") as log:
        log.write('{"kind": "tags", "time": 1, "values": {"late": "yes"}}\n')
    assert _call(runs) == ""
    client = connect(tracking_uri(runs))
    found = client.search_runs(["1"], "tags.late = 'yes'")
    assert len(found) == 1 and _known(runs) == 2
    lines = [r.getMessage() for r in caplog.records if r.name.startswith("dagen")]
    assert all("\n" not in line and str(victim) in line for line in lines), lines
    assert len(lines) == (0 if damage == "gone" else 1), lines


def test_a_folder_that_was_moved(runs: Path, tmp_path: Path) -> None:
    runs.rename(tmp_path / "elsewhere")
    assert _call(tmp_path / "elsewhere") == ""
    assert _known(tmp_path / "elsewhere") == 2 and not runs.exists()


_OTHER_PROCESS = """
from types import SimpleNamespace
from contextlib import nullcontext
from dagen import cli
from dagen.cli import ui
ui._served = lambda command: nullcontext(SimpleNamespace(returncode=0))
ui._answers, ui._require_free = lambda server, port: False, lambda port: None
cli.main()
"""


@pytest.mark.parametrize("damage", ["gone", "empty", "half-made"])
def test_a_store_that_was_lost_is_made_again_from_the_logs(runs: Path, damage: str) -> None:
    """In a process of its own: MLflow keeps the store of its address open."""
    (runs / STORE).unlink()
    if damage == "empty":
        made.with_store(runs)
    if damage == "half-made":
        with closing(sqlite3.connect(runs / STORE)) as connection, connection:
            connection.execute("CREATE TABLE experiments (experiment_id INTEGER)")
    command = [sys.executable, "-c", _OTHER_PROCESS, "ui", "--runs", str(runs)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(runs / STORE)) as connection:
        (names,) = zip(*connection.execute("SELECT name FROM runs"), strict=True)
    assert sorted(name.split()[0] for name in names) == ["advent", "minent"]
    assert (runs / f"{STORE}.incomplete-1").is_file() == (damage == "half-made")


@pytest.mark.parametrize("damage", ["half", "noise", "a folder"])
def test_a_damaged_store_is_one_line(runs: Path, damage: str) -> None:
    content = (runs / STORE).read_bytes()
    _replaced(
        {"half": content[: len(content) // 2], "noise": b"x" * 5000, "a folder": None}[damage]
    )(runs / STORE)
    told = _call(runs)
    assert str(runs / STORE) in told and told.count(".") < 6


def test_folders_without_a_run(tmp_path: Path) -> None:
    empty = made.with_store(tmp_path / "empty")
    (empty / "half-made-run").mkdir()
    assert _call(empty) == ""
    (tmp_path / "file").write_text("no folder")
    assert f"{tmp_path / 'file'} is not a folder" in _call(tmp_path / "file")
