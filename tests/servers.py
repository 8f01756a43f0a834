"""Servers of other programs, started on this machine and waited for."""

import http.client
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE = 300  # seconds; a busy machine is no failure


def free_port() -> int:
    """A port that nobody listens on now; the test is skipped where none can be opened."""
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            probe.listen()
            port: int = probe.getsockname()[1]
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError as error:
        pytest.skip(f"no port can be opened on 127.0.0.1 ({error})")
    return port


def get(port: int, path: str = "/") -> int | None:
    """The status of a request; None where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


@contextmanager
def started(
    command: Sequence[str], port: int, health: str, log: Path, env: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """A server that answers, while the block lasts; its output goes to ``log``."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=env)
    try:
        end = time.monotonic() + PATIENCE
        while get(port, health) != 200:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)
