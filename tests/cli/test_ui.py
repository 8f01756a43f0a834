"""``dagen ui`` as a user types it."""

import os
import socket
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dagen import cli
from tests.servers import PATIENCE, free_port, get, started
from tests.tracking import made

ROOT = Path(__file__).parents[2]


def test_the_pages_are_served_until_it_is_stopped(tmp_path: Path) -> None:
    runs = made.with_store(tmp_path / "runs")
    made.finish(made.config(), runs, track=True)
    port, log = free_port(), tmp_path / "ui.log"
    command = [sys.executable, "-m", "dagen", "ui", "--runs", str(runs), "--port", str(port)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with started(command, port, "/health", log, env) as process:
        assert get(port) == 200
        end = time.monotonic() + PATIENCE
        while "Press Ctrl-C to stop." not in log.read_text():
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.1)
    assert process.returncode == 0
    told = log.read_text()
    shown = "/runs?workflowType=machine_learning&viewStateShareKey=dagen-runs"
    assert f"http://127.0.0.1:{port}/#/experiments/1{shown}" in told
    assert "Compare: tick two or more runs" in told
    assert get(port) is None


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--runs", "nowhere"], "nowhere is not a folder"),
        (["--runs", "."], "give another, such as --port"),
    ],
)
def test_bad_input_is_one_line(
    args: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        found = CliRunner().invoke(cli.app, ["ui", *args, "--port", port])
    assert found.exit_code != 0 and message in str(found.exception)
    assert "\n" not in str(found.exception)
