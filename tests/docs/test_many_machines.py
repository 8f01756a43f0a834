"""The page about many machines and the files of scripts/cluster: what one machine can check."""

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.core import TyperGroup

from dagen.benchmarking.reading import load
from dagen.benchmarking.shares import Share, dealt
from dagen.cli import app

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "scripts" / "cluster"
PAGE = (ROOT / "docs" / "many-machines.md").read_text(encoding="utf-8")
SCRIPTS = sorted(CLUSTER.glob("*.sh"))


def kuberay() -> dict[str, Any]:
    job = yaml.safe_load((CLUSTER / "kuberay.yaml").read_text(encoding="utf-8"))
    assert isinstance(job, dict)
    return job


def commands(text: str) -> list[list[str]]:
    """Every command of dagen in a text, as words without the first."""
    whole = text.replace("\\\n", " ")
    found = re.findall(r"(?:^|\$ |-- |exec |-m |`)dagen (benchmark [^\n`|]*)", whole, re.M)
    return [shlex.split(words) for words in found]


def check(words: list[str]) -> None:
    """Fail unless the command line knows the command, its options and the kinds of their values."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    numbers = [re.sub(r"^\$.*jobs.*", "2", word) for word in words[1:]]
    group.commands[words[0]].make_context(words[0], numbers)


def test_every_command_of_the_page_and_of_the_files_exists() -> None:
    texts = [PAGE, kuberay()["spec"]["entrypoint"]]
    texts += [path.read_text(encoding="utf-8") for path in SCRIPTS]
    given = [words for text in texts for words in commands(text)]
    assert len(given) == 11
    for words in given:
        check(words)
    with pytest.raises(Exception, match="No such option: --enigne"):
        check(["benchmark", "x", "--enigne", "ray"])


def test_the_files_that_the_page_names_are_there() -> None:
    named = set(re.findall(r"\b((?:scripts|benchmarks)/[\w./-]+\.\w+)", PAGE))
    assert {"scripts/cluster/slurm.sh", "benchmarks/many_machines.py"} <= named
    assert [name for name in named if not (ROOT / name).is_file()] == []
    assert all(path.name in PAGE for path in CLUSTER.iterdir())


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_correct_bash(path: Path) -> None:
    subprocess.run(["bash", "-n", path], check=True)
    assert os.access(path, os.X_OK)


def run(script: str, folder: Path, **variables: str) -> list[str]:
    """The words that a script calls dagen with; a stand-in writes them down."""
    stand_in = folder / "dagen"
    stand_in.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    stand_in.chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "GRID": "my grid.toml", "SHARED": "/big disk"}
    done = subprocess.run(
        ["bash", CLUSTER / script], env={**environment, **variables}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("count", [1, 3, 10])
def test_the_jobs_of_an_array_split_the_grid_without_overlap(tmp_path: Path, count: int) -> None:
    cells = load(ROOT / "benchmarks" / "distill.toml").cells
    dealt_out: list[str] = []
    for job in range(1, count + 1):
        words = run(
            "slurm.sh", tmp_path, SLURM_ARRAY_TASK_ID=str(job), SLURM_ARRAY_TASK_COUNT=str(count)
        )
        check(words)
        assert words[1] == "my grid.toml" and "/big disk/runs" in words
        share = Share.parse(words[words.index("--share") + 1])
        dealt_out += [cell.label for cell in dealt(cells, share)]
    assert sorted(dealt_out) == sorted(cell.label for cell in cells)


def test_the_other_scripts_call_dagen_with_what_they_are_told(tmp_path: Path) -> None:
    gather = run("slurm-gather.sh", tmp_path)
    check(gather)
    assert "--share" not in gather and "/big disk/results" in gather
    alone = run("one-machine.sh", tmp_path)
    check(alone)
    assert alone[:2] == ["benchmark", "my grid.toml"] and int(alone[-1]) >= 1


def test_a_script_without_a_grid_says_so() -> None:
    done = subprocess.run(
        ["bash", CLUSTER / "one-machine.sh"], env={"PATH": "/usr/bin:/bin"}, capture_output=True
    )
    assert done.returncode != 0 and b"GRID: a benchmark" in done.stderr


def test_the_job_of_kubernetes_fits_together() -> None:
    job = kuberay()
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    pods = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for pod in pods:
        inside = pod["template"]["spec"]
        (box,) = inside["containers"]
        assert [each["name"] for each in inside["volumes"]] == ["shared"]
        assert box["volumeMounts"] == [{"name": "shared", "mountPath": "/shared"}]
        assert {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"} in box["env"]
    # A cell fits into a worker, and the version is the one that the tests passed with.
    words = shlex.split(job["spec"]["entrypoint"])
    (worker,) = cluster["workerGroupSpecs"][0]["template"]["spec"]["containers"]
    assert float(words[words.index("--cpus") + 1]) <= float(worker["resources"]["limits"]["cpu"])
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert f"ray=={cluster['rayVersion']}\n" in pinned


def test_the_runtime_environment_is_one_of_rays() -> None:
    runtime_env = pytest.importorskip("ray.runtime_env", reason="needs pip install 'dagen[ray]'")
    given = yaml.safe_load((CLUSTER / "runtime-env.yaml").read_text(encoding="utf-8"))
    made = runtime_env.RuntimeEnv(**given)
    assert set(made) == {"working_dir", "excludes", "env_vars"}
