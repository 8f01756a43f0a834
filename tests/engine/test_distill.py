"""Whole runs that learn from a trained network: its record, its names, its failures."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dagen.engine.run import run
from dagen.errors import DagenError, UsageError
from dagen.models.base import create_network
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import save_deployed
from dagen.runs.config import Config, from_mapping
from dagen.runs.results import RunResult
from dagen.runs.runtime import Runtime
from dagen.system.sealing import unsealed
from dagen.types import Task
from tests import tiny
from tests.engine.interrupting import interrupted


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    tiny.make_resortit(root, train=4, val=1)
    tiny.make_folder(root, train=5, val=2)
    return root


def write(path: Path, seed: int = 0, task: Task = Task.MATERIAL, model: str = "icnet") -> Path:
    """A network with random weights, as another run would leave it."""
    torch.manual_seed(seed)
    network = create_network(model, task, 0.25, {})
    run_of = {"src": "resortit", "tgt": "folder", "extra_tgt": ["coco"]}
    card = Card(model, task.name, (64, 64), 0.25, run=run_of, seen=("ImageNet",))
    save_deployed(path, network, card)
    return path


def small(teacher: object, **values: object) -> Config:
    own = {"teacher": str(teacher), "features": 50.0, "affinity": 10.0}
    own.update(values.pop("own", {}))  # type: ignore[call-overload]
    return from_mapping(
        {
            "src": "resortit", "tgt": "folder", "model": "enet", "width": 0.25, "task": "material",
            "size": [32, 32], "steps": 3, "batch": 4, "source_batch": 2, "warmup": 1,
            "method": "distill", "augment": "strong", "parts": {"distill": own}, **values,
        }
    )  # fmt: skip


def test_digest_and_what_the_teacher_has_seen_stand_in_the_record(
    runtime: Runtime, tmp_path: Path
) -> None:
    teacher = write(tmp_path / "model.safetensors")
    result = run(small(teacher), runtime)
    assert result.teachers is not None and list(result.teachers) == [str(teacher)]
    assert result.teachers[str(teacher)].startswith("network/1 ")
    assert unsealed(json.loads((result.folder / "teachers.json").read_text())) == result.teachers
    assert result.seen == ("ImageNet", "coco")


def test_a_run_resumes_to_the_bit_and_refuses_another_teacher(
    runtime: Runtime, tmp_path: Path
) -> None:
    teacher = write(tmp_path / "model.safetensors")
    with interrupted(2):
        run(small(teacher), replace(runtime, save_every=1))
    content = teacher.read_bytes()
    write(teacher, seed=1)
    with pytest.raises(UsageError, match=r"began with another file of the teacher .*--fresh"):
        run(small(teacher), runtime)
    teacher.write_bytes(content)
    resumed = run(small(teacher), runtime)
    whole = run(small(teacher), replace(runtime, runs=runtime.runs.with_name("again")))
    assert resumed.model.read_bytes() == whole.model.read_bytes()


def test_a_run_is_a_teacher_by_every_name_of_it(runtime: Runtime, tmp_path: Path) -> None:
    first = run(small(write(tmp_path / "model.safetensors")), runtime)
    taught = [
        run(small(name), runtime).model.read_bytes()
        for name in (f"run:{first.name}", first.name, first.folder, first.model)
    ]
    assert len({_weights(content) for content in taught}) == 1


def _weights(content: bytes) -> bytes:
    size = int.from_bytes(content[:8], "little")
    return content[8 + size :]  # the card before them has the teacher's name


def test_the_source_alone_can_be_taught_without_a_target(runtime: Runtime, tmp_path: Path) -> None:
    teacher = write(tmp_path / "model.safetensors")
    result: RunResult = run(small(teacher, tgt=None, own={"domain": "source"}), runtime)
    assert result.scores.keys() == {"resortit"}
    assert result.seen == ("ImageNet", "folder", "coco")  # the teacher was adapted to these
    for domain in ("target", "both"):
        with pytest.raises(UsageError, match="distill needs a target"):
            run(small(teacher, tgt=None, own={"domain": domain}), runtime)


def test_what_is_wrong_with_a_teacher_comes_before_any_work(
    runtime: Runtime, tmp_path: Path
) -> None:
    binary = write(tmp_path / "binary.safetensors", task=Task.BINARY)
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(write(tmp_path / "model.safetensors").read_bytes()[:-100])
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    for teacher, message in (
        (binary, "segments background, waste; this run segments background, aluminium.*same cl"),
        (damaged, "not a complete safetensors file"),
        ("run:none", "there is no run none"),
        (unfinished, "not the folder of a finished run"),
        (tmp_path / "gone.safetensors", "is not a file; give a deployed network"),
    ):
        with pytest.raises(DagenError, match=message) as error:
            run(small(teacher), runtime)
        assert "\n" not in str(error.value)
    assert not [*runtime.runs.glob("*/config.json")]


def test_labels_of_the_target_that_the_teacher_knows_are_told(
    runtime: Runtime, tmp_path: Path
) -> None:
    oracle = run(small(None, src="folder", tgt=None, method="supervised", parts={}), runtime)
    assert run(small(oracle.model), runtime).seen == ("labels of folder",)
