import json
import os
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
    "size": [32, 64], "steps": 2, "batch": 2, "warmup": 1,
}  # fmt: skip

_RANK = """
import json, sys
from pathlib import Path
from dagen.runs.config import from_mapping
from dagen.engine.run import run
from dagen.runs.runtime import Runtime
result = run(from_mapping(json.loads(sys.argv[1])), Runtime(runs=Path(sys.argv[2]),
    data_root=Path(sys.argv[3]), device="cpu", workers=0, track=False, quiet=True))
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
    return {**probe, "MASTER_PORT": str(_free_port()), "WORLD_SIZE": "2"}


def test_two_processes_finish_one_run(tmp_path: Path, loopback: dict[str, str]) -> None:
    data = tmp_path / "data"
    tiny.make_resortit(data, train=4, val=2)
    tiny.make_taco(data, train=4, val=2)
    arguments = [sys.executable, "-c", _RANK, json.dumps(VALUES), str(tmp_path / "runs"), str(data)]
    ranks = [
        subprocess.Popen(
            arguments,
            env={**os.environ, **loopback, "RANK": str(rank), "LOCAL_RANK": str(rank)},
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
    assert [rank.returncode for rank in ranks] == [0, 0], told
    result = results.load(tmp_path / "runs" / from_mapping(VALUES).name)
    assert result is not None
    assert {out.strip() for out, _ in told} == {str(result.score("taco"))}


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
