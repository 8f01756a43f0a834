"""Starts the processes of one run over loopback, as torchrun would."""

import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from torch import distributed as dist

ROOT = Path(__file__).parents[1]
Ended = tuple[int, str, str]
"""Exit code, standard output and standard error of a process."""


def free_port() -> int:
    """A port of this machine that nothing listens on; an error where loopback is closed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        probe.listen()
        port: int = probe.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        return port


def variables(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables of two processes over loopback; skips where gloo cannot use it."""
    try:
        port = free_port()
        probe = {"MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo"}
        for name, value in probe.items():
            monkeypatch.setenv(name, value)
        dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=0, world_size=1)
        dist.destroy_process_group()
    except (OSError, RuntimeError) as error:
        pytest.skip(f"no process group over loopback here: {error}")
    return {**probe, "WORLD_SIZE": "2"}


def launch(loopback: dict[str, str], arguments: Sequence[str]) -> list[Ended]:
    """The two processes of one run, after they have ended.

    Args:
        loopback: the variables of both.
        arguments: the command of each.
    """
    port = {"MASTER_PORT": str(free_port())}
    ranks = [
        subprocess.Popen(
            arguments,
            env={**os.environ, **loopback, **port, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    try:
        told = [rank.communicate(timeout=600) for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    return [(rank.returncode, *both) for rank, both in zip(ranks, told, strict=True)]
