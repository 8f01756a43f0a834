"""One process at a time; the others wait and say so, but never for a dead one."""

import errno
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import filelock
import pytest

from dagen.errors import DagenError
from dagen.system.locks import Occupied, exclusive

_HOLDER = """
import sys
from pathlib import Path
from dagen.system.locks import exclusive
with exclusive(Path(sys.argv[1]), "the run"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path: Path) -> "subprocess.Popen[str]":
    """Another process that holds the lock until it reads a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path / "run.lock")],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


@pytest.mark.parametrize("end", ["it ends", "it is killed"])
def test_a_wait_is_said_in_one_line_and_ends_with_the_other_process(
    tmp_path: Path, holder: "subprocess.Popen[str]", end: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Hearing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if end == "it is killed":
                holder.send_signal(signal.SIGKILL)
            else:
                threading.Thread(target=holder.communicate, args=("end\n",)).start()

    hearing = Hearing()
    logging.getLogger("dagen").addHandler(hearing)
    try:
        with exclusive(tmp_path / "run.lock", "the run"):
            holder.wait()
    finally:
        logging.getLogger("dagen").removeHandler(hearing)
        holder.kill()
        holder.wait()
    (line,) = [r.getMessage() for r in caplog.records if r.name == "dagen"]
    assert line == "the run is in use by another process; waiting for it to end."


def test_who_is_alone_says_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        with exclusive(tmp_path / "run.lock", "the run"):
            pass
    assert not [r for r in caplog.records if r.name == "dagen"]


def test_giving_up_is_an_error_in_one_line(
    tmp_path: Path, holder: "subprocess.Popen[str]", caplog: pytest.LogCaptureFixture
) -> None:
    try:
        with (
            pytest.raises(Occupied, match="the run is still in use by another process") as error,
            exclusive(tmp_path / "run.lock", "the run", give_up_after=0),
        ):
            pytest.fail("the lock was given to two processes")
    finally:
        holder.communicate("end\n")
    assert "\n" not in str(error.value)
    assert not [r for r in caplog.records if r.name == "dagen"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_lock_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    with (
        pytest.raises(DagenError, match=r"run\.lock cannot be written: ") as error,
        exclusive(tmp_path / "run.lock", "the run"),
    ):
        pass
    assert "\n" not in str(error.value)
