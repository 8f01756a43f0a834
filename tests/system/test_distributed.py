import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dagen.errors import UsageError
from dagen.runs import results
from dagen.runs.config import from_mapping
from dagen.system.device import choose_device
from dagen.system.distributed import world
from tests import ranks, tiny

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
first = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0"

def ended(step, config):
    if step == 1 and end and first and os.environ["RANK"] == "1":
        os.kill(os.getpid(), getattr(signal, end))
    if not first:
        os.write(1, f"step {step}\\n".encode())  # at once: both processes share the pipe
    return schedule(step, config)

loop.schedule = ended
try:
    result = run(from_mapping(json.loads(sys.argv[1])), Runtime(runs=Path(sys.argv[2]),
        data_root=Path(sys.argv[3]), device="cpu", workers=0, track=False, quiet=True,
        save_every=1))
except DagenError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
print(result.score("taco"))
"""


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    return ranks.variables(monkeypatch)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    tiny.make_resortit(root, train=4, val=2)
    tiny.make_taco(root, train=4, val=3)
    return root


def _arguments(runs: Path, data: Path, end: str = "") -> list[str]:
    """A process of the run; ``end`` happens to rank 1 at step 1 of the first attempt."""
    return [json.dumps(VALUES), str(runs), str(data), end]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """The folder of a run that two processes have finished without a stop."""
    runs = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        loopback = ranks.variables(patch)
        told = ranks.launch(loopback, [sys.executable, "-c", _RANK, *_arguments(runs, data)])
    assert [code for code, _, _ in told] == [0, 0], told
    folder = runs / from_mapping(VALUES).name
    result = results.load(folder)
    assert result is not None
    assert {out.strip() for _, out, _ in told} == {str(result.score("taco"))}
    return folder


def test_sigterm_to_one_process_stops_both_after_the_same_step_and_the_run_resumes(
    tmp_path: Path, data: Path, loopback: dict[str, str], whole: Path
) -> None:
    def start(end: str = "") -> list[ranks.Ended]:
        return ranks.launch(
            loopback, [sys.executable, "-c", _RANK, *_arguments(tmp_path, data, end)]
        )

    told = start("SIGTERM")
    assert [code for code, _, _ in told] == [143, 143], told
    assert all(
        err == "stopped after step 2 of 3; resume by running it again.\n" for *_, err in told
    )
    states = [path.name for path in (tmp_path / whole.name).glob("state-*")]
    assert sorted(states) == ["state-00000001.pt", "state-00000002.pt"]
    assert [code for code, _, _ in start()] == [0, 0]
    assert _model(tmp_path / whole.name) == _model(whole)


def test_torchrun_starts_both_again_after_one_was_killed_and_they_continue(
    tmp_path: Path, data: Path, loopback: dict[str, str], whole: Path
) -> None:
    script = tmp_path / "rank.py"
    script.write_text(_RANK, encoding="utf-8")
    address = ["--master-addr", "127.0.0.1", "--master-port", str(ranks.free_port())]
    restarts = ["--nproc-per-node", "2", "--max-restarts", "1", "--monitor-interval", "0.1"]
    told = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", *restarts, *address, str(script)),
            *_arguments(tmp_path / "runs", data, "SIGKILL"),
        ],
        env={**os.environ, "GLOO_SOCKET_IFNAME": "lo"},
        cwd=ranks.ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    # The partner of the killed process says so in one line; the second attempt repeats no step.
    lost = [line for line in told.stderr.splitlines() if line.startswith("another process of this")]
    assert len(lost) == 1
    assert sorted(line for line in told.stdout.splitlines() if line.startswith("step")) == [
        "step 1", "step 1", "step 2", "step 2",
    ]  # fmt: skip
    assert _model(tmp_path / "runs" / whole.name) == _model(whole)


def _model(folder: Path) -> bytes:
    return (folder / results.MODEL).read_bytes()


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
