"""What a machine of a cluster does for one cell; it knows nothing of the cluster's library."""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.benchmarking.attempt import Runner, attempt
from dagen.benchmarking.carrying import Files, pack, unpack
from dagen.errors import Stopped
from dagen.runs.config import Config
from dagen.system.files import make_folder, write_atomically

if TYPE_CHECKING:
    from dagen.runs.runtime import Runtime


MARK = "sender.txt"
"""The file that tells machines whether they share the folder of all runs."""


@dataclass(frozen=True)
class Order:
    """What a machine has to know besides the run.

    Attributes:
        code: digest of the code that the sender runs.
        mark: a file below the folder of all runs; a machine that finds it shares the folder.
        token: what stands in it.
        home: the sender's working folder, which relative paths begin at.
    """

    code: str
    mark: Path
    token: str
    home: Path


@dataclass(frozen=True)
class Answer:
    """What a machine sends back.

    Attributes:
        reason: why the run failed, or None.
        stopped: whether the machine was asked to stop, so that another one has to go on.
        files: the run's files, unless the machine shares the folder of all runs.
    """

    reason: str | None = None
    stopped: bool = False
    files: Files = field(default_factory=dict)


def mark(runtime: Runtime) -> Order:
    """The order of a sender; its mark is written.

    Raises:
        DagenError: the folder of all runs cannot be written to.
    """
    path = make_folder((runtime.parent or runtime.runs).absolute()) / MARK
    token = secrets.token_hex(8)
    write_atomically(path, token.encode())
    return Order(code(), path, token, Path.cwd())


def work(
    runner: Runner,
    config: Config,
    runtime: Runtime,
    order: Order,
    needs: Mapping[str, Callable[[], Files]],
) -> Answer:
    """Do one run on this machine.

    Args:
        runner: function that does a run.
        config: configuration of the run.
        runtime: where and how to run.
        order: what the sender says.
        needs: the files of the runs that this one starts from or learns from; they are fetched if
            the machine does not share the folder of all runs.
    """
    if code() != order.code:
        return Answer(
            f"the machine {platform.node()} has another version of dagen than the one that runs "
            "the benchmark; install the same one on all machines, or send the code along "
            "(docs/many-machines.md)."
        )
    with suppress(OSError):  # elsewhere relative paths lead into the code that was sent along
        os.chdir(order.home)
    if _shared(order):
        return _attempt(runner, config, runtime)
    with tempfile.TemporaryDirectory(prefix="dagen-") as folder:
        runs = Path(folder)
        for name, fetch in needs.items():
            unpack(fetch(), runs / name)
        answer = _attempt(runner, config, replace(runtime, runs=runs))
        return replace(answer, files=pack(runs / config.name))


def _attempt(runner: Runner, config: Config, runtime: Runtime) -> Answer:
    try:
        return Answer(attempt(runner, config, runtime))
    except Stopped as error:
        return Answer(str(error), stopped=True)


def _shared(order: Order) -> bool:
    with suppress(OSError):
        return order.mark.read_text() == order.token
    return False


@cache
def code() -> str:
    """A digest of dagen's own files."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
