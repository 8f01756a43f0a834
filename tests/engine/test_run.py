"""Whole runs on tiny data sets in the real layouts."""

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dagen.engine.run import run, run_pair
from dagen.errors import DagenError, UsageError
from dagen.models.base import Network
from dagen.runs import results
from dagen.runs.baseline import baseline_of
from dagen.runs.config import Config, from_mapping
from dagen.runs.findings import Baseline
from dagen.runs.runtime import Runtime
from tests import tiny

SMALL = {
    "src": "resortit", "tgt": "taco", "model": "enet", "width": 0.25, "task": "material",
    "size": [32, 64], "steps": 4, "batch": 2, "warmup": 1,
}  # fmt: skip


def small(**values: object) -> Config:
    return from_mapping({**SMALL, **values})


def weights(config: Config, runtime: Runtime) -> bytes:
    result = run(config, replace(runtime, fresh=True))
    return result.model.read_bytes()


def test_a_pair_scores_both_runs_on_both_domains(runtime: Runtime) -> None:
    pair = run_pair(small(method="advent"), runtime)
    for result in (pair.baseline, pair.adapted):
        assert set(result.scores) == {"resortit", "taco"}
        for scores in result.scores.values():
            assert 0 <= scores["waste_iou"] <= 1
            assert "iou/background" in scores
        assert result.profile["flops"] == 2 * result.profile["macs"] > 0
        assert result.profile["bytes"] == result.model.stat().st_size
        assert result.model.stat().st_size < 10_000_000
        assert not list(result.folder.glob("state-*.pt"))
    assert pair.adapted.baseline == Baseline(pair.baseline.name, pair.baseline.scores)
    found = baseline_of(pair.adapted)
    assert found is not None and found.folder == pair.baseline.folder
    assert pair.adapted.folder.joinpath("predictions-taco.png").is_file()


def test_adapting_builds_each_student_once(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[str] = []
    create = Network.__init__

    def counted(self: Network, *args: Any, **keywords: Any) -> None:
        built.append(type(self).__name__)
        create(self, *args, **keywords)

    monkeypatch.setattr(Network, "__init__", counted)
    run_pair(small(method="advent"), runtime)
    # Two students; the deployed file of each as it is scored; source-only beside the adapted one.
    assert len(built) == 5


@pytest.mark.parametrize("missing", ["renamed", "misspelt"])
def test_a_missing_target_is_an_error_before_source_only_is_trained(
    runtime: Runtime, data: Path, missing: str
) -> None:
    config = small(method="advent", tgt="tacco" if missing == "misspelt" else "taco")
    if missing == "renamed":
        data.joinpath("taco").rename(data / "elsewhere")
    with pytest.raises(DagenError, match=r"unknown data set 'tacco'|'taco' is not at"):
        run_pair(config, runtime)
    assert not runtime.runs.exists() or not list(runtime.runs.iterdir())


@pytest.mark.parametrize("more", [{}, {"batch_norm": "shared"}, {"select": "source-val"}])
def test_adapting_without_a_strategy_is_refused(runtime: Runtime, more: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"needs a strategy; give --method, such as --method best"):
        run_pair(small(method="supervised", **more), runtime)
    assert not runtime.runs.exists()


def test_labels_of_the_target_are_a_strategy(runtime: Runtime) -> None:
    pair = run_pair(small(method="supervised", target_labels=2), runtime)
    assert pair.adapted.weights != pair.baseline.weights


def test_a_finished_run_is_returned_and_fresh_starts_over(runtime: Runtime) -> None:
    config = small(tgt=None, method="supervised")
    first = run(config, runtime)
    stamp = first.model.stat().st_mtime_ns
    again = run(config, runtime)
    assert again.model.stat().st_mtime_ns == stamp and again.scores == first.scores
    fresh = run(config, replace(runtime, fresh=True))
    assert fresh.model.stat().st_mtime_ns > stamp
    assert fresh.scores == first.scores


def test_target_labels_cannot_reach_the_checkpoint(runtime: Runtime, data: Path) -> None:
    """On ENet; tests/test_leak.py asks every strategy."""
    config = small(method="advent")
    honest = weights(config, runtime)
    tiny.scramble_taco(data / "taco", seed=1)
    assert weights(config, runtime) == honest
    (data / "taco" / "data" / "annotations.json").unlink()
    assert weights(config, runtime) == honest


def test_without_target_labels_the_target_is_not_scored(runtime: Runtime, data: Path) -> None:
    (data / "taco" / "data" / "annotations.json").unlink()
    result = run(small(method="minent"), runtime)
    assert set(result.scores) == {"resortit"}


def test_source_only_opens_no_target_image(runtime: Runtime, data: Path) -> None:
    config = small(method="supervised", tgt=None)
    alone = weights(config, runtime)
    shutil.rmtree(data / "taco")
    assert weights(config, runtime) == alone


_KILLED = """
import json, os, signal, sys
from pathlib import Path
from dagen.engine import loop
from dagen.errors import Stopped
from dagen.runs.config import from_mapping
from dagen.engine.run import run
from dagen.runs.runtime import Runtime
from dagen.datasets.loading.batches import Steps

values, at = json.loads(sys.argv[1]), int(sys.argv[4])
runs, data = Path(sys.argv[2]), Path(sys.argv[3])
workers, schedule, item = int(sys.argv[5]), loop.schedule, Steps.__getitem__

def dying(step, config):
    if step == at and not workers:
        os.kill(os.getpid(), signal.SIGKILL)
    return schedule(step, config)

def terminated(self, step):  # in the worker, while the loop waits for this batch
    if step == at and workers:
        os.killpg(0, signal.SIGTERM)
    return item(self, step)

loop.schedule, Steps.__getitem__ = dying, terminated
try:
    run(from_mapping(values), Runtime(runs=runs, data_root=data, device="cpu", workers=workers,
        track=False, quiet=True, save_every=100 if workers else 1))
except Stopped as stopped:
    sys.exit(stopped.exit_code)
"""


def die(values: dict[str, object], runtime: Runtime, data: Path, at: int, workers: int) -> int:
    """The exit code of a run that is killed at a step, alone or with its whole process group."""
    arguments = [json.dumps(values), str(runtime.runs), str(data), str(at), str(workers)]
    process = subprocess.run(
        [sys.executable, "-c", _KILLED, *arguments],
        cwd=Path(__file__).parents[2],
        timeout=600,
        start_new_session=True,
    )
    return process.returncode


def test_killed_and_resumed_gives_the_same_file_to_the_bit(
    runtime: Runtime, data: Path, tmp_path: Path
) -> None:
    values = {**SMALL, "method": "advent"}
    whole = weights(from_mapping(values), replace(runtime, runs=tmp_path / "whole"))
    for at in (1, 3):
        assert die(values, runtime, data, at, workers=0) == -signal.SIGKILL
        states = sorted(p.name for p in runtime.runs.glob("*/state-*.pt"))
        assert states[-1] == f"state-{at:08d}.pt"
    assert run(from_mapping(values), runtime).model.read_bytes() == whole


def test_sigterm_to_the_process_group_saves_although_workers_get_it_too(
    runtime: Runtime, data: Path, tmp_path: Path
) -> None:
    values = {**SMALL, "method": "supervised", "tgt": None}
    whole = weights(from_mapping(values), replace(runtime, runs=tmp_path / "whole"))
    assert die(values, runtime, data, at=2, workers=1) == 143
    assert list(runtime.runs.glob("*/state-*.pt")), "the state was saved first"
    assert run(from_mapping(values), runtime).model.read_bytes() == whole


_WORKER_KILLED = """
import os, signal, sys
from dagen import cli
from dagen.datasets.loading.batches import Steps

item = Steps.__getitem__

def killed(self, step):
    if step == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return item(self, step)

Steps.__getitem__ = killed
cli.main()
"""


def test_a_killed_worker_is_one_line_and_the_run_resumes(
    runtime: Runtime, data: Path, tmp_path: Path
) -> None:
    values = {**SMALL, "method": "supervised", "tgt": None}
    whole = weights(from_mapping(values), replace(runtime, runs=tmp_path / "whole"))
    words = (
        "train --src resortit --model enet --task material --size 32x64 --steps 4 --batch 2 -q "
        "--set width=0.25 --set warmup=1 --workers 1 --device cpu --no-track"
    )
    command = [sys.executable, "-c", _WORKER_KILLED, *words.split()]
    done = subprocess.run(
        [*command, "--runs", str(runtime.runs), "--data-root", str(data)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("dagen: a process that makes batches was killed, most likely")
    assert "memory" in done.stderr and "--workers" in done.stderr and done.stderr.count("\n") == 1
    assert run(from_mapping(values), runtime).model.read_bytes() == whole


def test_what_cannot_run_is_refused_before_anything_is_written(runtime: Runtime) -> None:
    refused = [
        (small(tgt=None, method="advent"), "needs a target"),
        (small(method="advnet"), "did you mean 'advent'"),
        (small(model="ennet"), "did you mean 'enet'"),
        (small(size=[30, 64]), "multiples of"),
        (small(parts={"advent": {"wieght": 1}}, method="advent"), "did you mean 'weight'"),
    ]
    for config, message in refused:
        with pytest.raises(UsageError, match=message) as error:
            run(config, runtime)
        assert "\n" not in str(error.value)
    assert not runtime.runs.exists()


def test_missing_data_is_one_clear_line(runtime: Runtime, tmp_path: Path) -> None:
    with pytest.raises(DagenError, match="resortit") as error:
        run(small(method="minent"), replace(runtime, data_root=tmp_path / "nowhere"))
    assert "\n" not in str(error.value)


def test_a_truncated_image_stops_the_run_by_its_name(runtime: Runtime, data: Path) -> None:
    victim = sorted((data / "resortit" / "train").iterdir())[0]
    victim.write_bytes(victim.read_bytes()[: victim.stat().st_size // 2])
    with pytest.raises(DagenError, match=victim.name):
        run(small(method="minent"), runtime)


def test_the_result_file_reads_back(runtime: Runtime) -> None:
    result = run(small(tgt=None), runtime)
    again = results.load(result.folder)
    assert again is not None
    assert again.scores == result.scores and again.profile == result.profile
    with pytest.raises(DagenError, match="has no nonsense"):
        again.score("resortit", "nonsense")


def test_seeds_and_init(runtime: Runtime) -> None:
    first = run(small(tgt=None), runtime)
    other = run(small(tgt=None, seed=1), runtime)
    assert first.model.read_bytes() != other.model.read_bytes()
    started = run(small(tgt=None, init=str(first.model), steps=1, lr=1e-12), runtime)
    assert started.score("resortit") == pytest.approx(first.score("resortit"), abs=0.2)
    init = str(first.model)
    with pytest.raises(UsageError, match=r"this run trains enet .*, give --task material\.$"):
        run(small(tgt=None, init=init, task="binary"), runtime)
    with pytest.raises(UsageError, match=r"trains icnet .* give --model enet --set width=0\.25\.$"):
        run(small(tgt=None, init=init, model="icnet", width=0.5), runtime)


_SAME = """
import json, logging, sys
from pathlib import Path
from dagen.engine import loop
from dagen.engine.run import run
from dagen.runs.config import from_mapping
from dagen.runs.runtime import Runtime

schedule = loop.schedule

def held(step, config):
    if step == 1 and sys.argv[4] == "first":
        print("training", flush=True)
        sys.stdin.readline()
    return schedule(step, config)

loop.schedule = held
result = run(from_mapping(json.loads(sys.argv[1])), Runtime(runs=Path(sys.argv[2]),
    data_root=Path(sys.argv[3]), device="cpu", workers=0, track=False, quiet=True, save_every=1))
print("earlier" if result.earlier else "now")
"""


@pytest.mark.parametrize("end", ["it ends", "it is killed"])
def test_the_second_of_two_identical_commands_waits_and_says_so(
    runtime: Runtime, data: Path, tmp_path: Path, end: str
) -> None:
    values = {**SMALL, "method": "supervised", "tgt": None}
    whole = weights(from_mapping(values), replace(runtime, runs=tmp_path / "whole"))

    def start(which: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", _SAME, json.dumps(values), str(runtime.runs), str(data), which],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    first = start("first")
    try:
        assert first.stdout is not None and first.stdout.readline() == "training\n"
        second = start("second")
        assert second.stderr is not None
        line = second.stderr.readline()
        if end == "it is killed":
            first.send_signal(signal.SIGKILL)
        told = first.communicate("go on\n" if end == "it ends" else None)[0]
        out, err = second.communicate(timeout=600)
    finally:
        first.kill()
    name = from_mapping(values).name
    assert line == f"the run {name} is in use by another process; waiting for it to end.\n"
    assert (told, out) == (("now\n", "earlier\n") if end == "it ends" else ("", "now\n")), err
    found = results.load(runtime.runs / name)
    assert found is not None and found.model.read_bytes() == whole


def test_what_a_kill_has_left_is_removed_by_the_next_run(runtime: Runtime) -> None:
    config = small(tgt=None)
    left = [
        runtime.runs / config.name / ".state-00000003.pt.0123abcd.tmp",
        runtime.runs / config.name / "candidates" / ".00000002.safetensors.0123abcd.tmp",
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    run(config, runtime)
    assert not [path for path in left if path.exists()]


def test_fresh_says_what_it_cannot_remove(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small(tgt=None)
    run(config, runtime)

    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(DagenError, match="cannot be written: permission denied") as error:
            run(config, replace(runtime, fresh=True))
    assert "\n" not in str(error.value) and config.name in str(error.value)


def test_a_single_value_for_batch_norm_is_one_line(runtime: Runtime, data: Path) -> None:
    config = small(model="icnet", width=1.0, size=[32, 32], batch=1)
    with pytest.raises(UsageError, match="one value per channel: one image of a domain in a step"):
        run(config, runtime)
