import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import distributed as dist

from dagen.errors import UsageError
from dagen.runs import results
from dagen.runs.config import from_mapping
from dagen.system.device import choose_device
from dagen.system.distributed import world
from tests import tiny

VALUES = {
    "src": "resortit", "tgt": "taco", "method": "advent", "model": "enet", "width": 0.25,
    "size": [32, 64], "steps": 3, "batch": 2, "warmup": 1,
}  # fmt: skip

_RANK = """
import json, os, signal, sys
from pathlib import Path
from dagen.engine import loop
from dagen.engine.run import run
from dagen.errors import DagenError
from dagen.runs.config import from_mapping
from dagen.runs.runtime import Runtime

schedule, end = loop.schedule, sys.argv[4]

def ended(step, config):
    if step == 1 and end and os.environ["RANK"] == "1":
        os.kill(os.getpid(), getattr(signal, end))
    return schedule(step, config)

loop.schedule = ended
try:
    result = run(from_mapping(json.loads(sys.argv[1])), Runtime(runs=Path(sys.argv[2]),
        data_root=Path(sys.argv[3]), device="cpu", workers=0, track=False, quiet=True))
except DagenError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
print(result.score("taco"))
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        probe.listen()
        port: int = probe.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        return port


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables of a process group over loopback; skipped where gloo cannot use it."""
    try:
        port = _free_port()
        probe = {"MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo"}
        for name, value in probe.items():
            monkeypatch.setenv(name, value)
        dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=0, world_size=1)
        dist.destroy_process_group()
    except (OSError, RuntimeError) as error:
        pytest.skip(f"no process group over loopback here: {error}")
    return {**probe, "WORLD_SIZE": "2"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    tiny.make_resortit(root, train=4, val=2)
    tiny.make_taco(root, train=4, val=2)
    return root


Ended = tuple[int, str, str]
"""Exit code, standard output and standard error of a process."""


def _ranks(loopback: dict[str, str], runs: Path, data: Path, end: str = "") -> list[Ended]:
    """The two processes of one run, after they have ended; ``end`` happens to rank 1 at step 1."""
    arguments = [sys.executable, "-c", _RANK, json.dumps(VALUES), str(runs), str(data), end]
    port = {"MASTER_PORT": str(_free_port())}
    ranks = [
        subprocess.Popen(
            arguments,
            env={**os.environ, **loopback, **port, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            cwd=Path(__file__).parents[2],
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


def test_two_processes_finish_one_run(tmp_path: Path, data: Path, loopback: dict[str, str]) -> None:
    told = _ranks(loopback, tmp_path / "runs", data)
    assert [code for code, _, _ in told] == [0, 0], told
    result = results.load(tmp_path / "runs" / from_mapping(VALUES).name)
    assert result is not None
    assert {out.strip() for _, out, _ in told} == {str(result.score("taco"))}


def test_sigterm_to_one_process_stops_both_after_the_same_step_and_the_run_resumes(
    tmp_path: Path, data: Path, loopback: dict[str, str]
) -> None:
    runs, name = tmp_path / "runs", from_mapping(VALUES).name
    assert [code for code, _, _ in _ranks(loopback, tmp_path / "whole", data)] == [0, 0]
    told = _ranks(loopback, runs, data, "SIGTERM")
    assert [code for code, _, _ in told] == [143, 143], told
    assert all(
        err == "stopped after step 2 of 3; resume by running it again.\n" for *_, err in told
    )
    assert [path.name for path in (runs / name).glob("state-*")] == ["state-00000002.pt"]
    assert [code for code, _, _ in _ranks(loopback, runs, data)] == [0, 0]
    whole = (tmp_path / "whole" / name / results.MODEL).read_bytes()
    assert (runs / name / results.MODEL).read_bytes() == whole


def test_a_process_whose_partner_is_killed_says_so_in_one_line(
    tmp_path: Path, data: Path, loopback: dict[str, str]
) -> None:
    (code, _, err), (killed, _, _) = _ranks(loopback, tmp_path / "runs", data, "SIGKILL")
    assert killed == -signal.SIGKILL
    assert code == 1 and err.startswith("another process of this run has ended")
    assert err.count("\n") == 1


def test_alone_without_torchrun() -> None:
    with world("cpu") as place:
        assert (place.rank, place.size, place.main) == (0, 1, True)
        module = torch.nn.Linear(1, 1)
        assert place.wrap(module) is module


def test_unknown_devices_are_usage_errors() -> None:
    with pytest.raises(UsageError, match="unknown device 'tpu9'"):
        choose_device("tpu9")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="sees no GPU"):
            choose_device("cuda")
