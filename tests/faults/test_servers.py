"""Tracking servers that are dead, silent or late, or die in the middle: all logs arrive."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagen.tracking.store import ui_environment
from tests.faults import forked, proxy
from tests.faults.home import Home
from tests.faults.ledger import Ledger
from tests.faults.traces import difference, stored
from tests.servers import free_port, get, started
from tests.tracking import made

FAULTS = ("silent", "500", "html", "cut")


class Server:
    """MLflow's server behind a proxy that fails as it is told."""

    def __init__(self, folder: Path, port: int, file: Path) -> None:
        self.folder, self.port, self.file, self._turn = folder, port, file, 0

    def next(self, good: int, then: str) -> None:
        """Let some requests reach the server; what happens to later ones is ``then``."""
        self._turn += 1
        self.file.write_text(f"{good} {then} {self._turn}")

    def stored(self, experiment: str) -> object:
        """What the server has of an experiment."""
        return stored(self.folder / "mlflow.db", self.folder / "artifacts", experiment)


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[Server]:
    folder = made_store(home)
    port, inner, file = free_port(), free_port(), folder / "answers.txt"
    file.write_text("0 pass 0")
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"),
        *("--port", str(inner), "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
        *("--artifacts-destination", (folder / "artifacts").as_uri()),
    ]
    env = {**ui_environment(), "NO_PROXY": "*"}
    with started(command, inner, "/health", folder / "server.txt", env):
        between = subprocess.Popen(
            [sys.executable, proxy.__file__, str(port), str(inner), str(file)]
        )
        try:
            while get(port, "/health") != 200:
                time.sleep(0.05)
            yield Server(folder, port, file)
        finally:
            between.terminate()
            between.wait()


def made_store(home: Home) -> Path:
    folder = home.scratch()

    def make() -> None:
        made.with_store(folder)

    assert forked.fork(make, folder / "made.txt").code == 0
    return folder


def finish(runs: Path, experiment: str) -> None:
    """Two runs that end while the server is as it is."""
    for method in ("advent", "minent"):
        made.finish(made.config(method), runs, track=True, experiment=experiment)


def deliver(runs: Path) -> None:
    from dagen.tracking.delivery import deliver_pending

    deliver_pending(runs)


def through(server: Server, home: Home, experiment: str, good: int, then: str) -> str | None:
    """What is lost when the server fails from some request on, and then works again."""
    runs = home.scratch() / "runs"

    def address() -> None:
        os.environ["MLFLOW_TRACKING_URI"] = f"http://127.0.0.1:{server.port}"
        os.environ["NO_PROXY"] = "*"

    log = home.folder / "server-output.txt"
    server.next(good, then)
    ending = forked.fork(lambda: finish(runs, experiment), log, address)
    if ending.code != 0 or ending.fault:
        return f"the run ends with {ending.code}: {ending.text[-1500:]}"
    server.next(0, "pass")
    ending = forked.fork(lambda: deliver(runs), log, address)
    if ending.code != 0 or ending.fault or ending.text:
        return f"the delivery ends with {ending.code}: {ending.text[-1500:]}"
    return None


@pytest.mark.whole
def test_servers_that_fail(server: Server, home: Home, ledger: Ledger) -> None:
    assert through(server, home, "whole", 0, "pass") is None
    expected = server.stored("whole")
    moments = [(0, then) for then in FAULTS]
    moments += [(3 + 4 * turn, FAULTS[turn % len(FAULTS)]) for turn in range(16)]
    for good, then in moments:
        name = f"{then} after {good}"
        loss = through(server, home, name, good, then)
        if loss is None and (found := server.stored(name)) != expected:
            loss = f"the server has something else: {difference(found, expected)}"
        ledger.add(f"server: {then}", loss and f"{name}: {loss}")
