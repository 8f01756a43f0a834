"""No strategy lets a label of the target reach the checkpoint: whole runs, from files to file."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from dagen import plugins
from dagen.engine.run import run
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import save_deployed
from dagen.runs.config import from_mapping
from dagen.runs.runtime import Runtime
from dagen.scoring import prediction_sheets
from dagen.types import Task
from tests import tiny
from tests.toy import ToyNetwork

_KINDS = ("honest", "noise", "deleted")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network of two convolutions, as if a package brought it, and no pictures."""
    brought = {"models": {"toy": SimpleNamespace(load=lambda: ToyNetwork)}}
    monkeypatch.setattr(plugins, "_outside", lambda kind: brought.get(kind, {}))

    def draw(dataset: object, models: object, path: Path, caption: str) -> Path:
        path.touch()
        return path

    monkeypatch.setattr(prediction_sheets, "draw", draw)


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same images three times: with their labels, with others, and with none."""
    found = {kind: tmp_path_factory.mktemp(kind) for kind in _KINDS}
    for root in found.values():
        tiny.make_resortit(root, train=4, val=2)
        tiny.make_taco(root, train=4, val=2)
    tiny.scramble_taco(found["noise"] / "taco", seed=1)
    (found["deleted"] / "taco" / "data" / "annotations.json").unlink()
    return found


def _start(folder: Path, task: Task) -> Path:
    torch.manual_seed(0)
    path = folder / "start.safetensors"
    card = Card("toy", task.name, (32, 64), 1.0, {}, {})
    save_deployed(path, ToyNetwork(task.num_classes), card)
    return path


@pytest.mark.parametrize("name", plugins.names("methods"))
def test_target_labels_cannot_reach_the_checkpoint(
    name: str, roots: dict[str, Path], tmp_path: Path
) -> None:
    method = plugins.get("methods", name)
    values = {
        "src": "resortit", "tgt": "taco", "model": "toy", "method": name, "size": [32, 64],
        "steps": 4, "batch": 2, "warmup": 1, "task": "binary",
    }  # fmt: skip
    if method.needs_checkpoint:
        values["init"] = str(_start(tmp_path, Task.BINARY))
    files, scores = {}, {}
    for kind in _KINDS:
        runtime = Runtime(
            runs=tmp_path / kind, data_root=roots[kind], device="cpu", workers=0, track=False,
            quiet=True,
        )  # fmt: skip
        result = run(from_mapping(values), runtime)
        files[kind], scores[kind] = result.model.read_bytes(), result.scores.get("taco")
    assert files["honest"] == files["noise"] == files["deleted"]
    assert scores["honest"] != scores["noise"] and scores["deleted"] is None
