"""No strategy lets a label of the target reach the checkpoint: whole runs, from files to file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from dagen import plugins
from dagen.datasets.loading.opening import declared
from dagen.datasets.maps.teachers.onnx_file import OnnxMap
from dagen.datasets.own.masks import OwnFolder
from dagen.datasets.taco import Taco
from dagen.deploy.export import export
from dagen.engine.run import run
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import save_deployed
from dagen.models.layers.pretrained import EFFICIENTNET_LITE0
from dagen.runs.config import from_mapping
from dagen.runs.runtime import Runtime
from dagen.scoring import prediction_sheets
from dagen.types import Image, Label, Task
from tests import own, tiny
from tests.teachers import write_onnx
from tests.toy import ToyNetwork

Parts = dict[str, dict[str, dict[str, object]]]
_KINDS = ("honest", "noise", "deleted")
SCORED = [n for n in plugins.names("methods") if not plugins.get("methods", n).pretrains]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """Settings of strategies that need files."""
    maps = str(write_onnx(tmp_path_factory.mktemp("teachers") / "bright.onnx"))
    return {"teacher": {"teacher": {"maps": maps, "paste": 0.5, "mirrored": True}}}


def _given(name: str, parts: Parts, folder: Path, task: Task) -> dict[str, dict[str, object]]:
    """The settings of a strategy; a network that it asks has the classes of the run."""
    if name != "distill":
        return parts.get(name, {})
    own = {"teacher": str(_start(folder, task)), "domain": "both", "features": 50, "affinity": 10}
    return {"distill": own}


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
    card = Card("toy", task.name, (32, 64), 1.0, {}, {}, task.classes, task.colours)
    save_deployed(path, ToyNetwork(task.num_classes), card)
    return path


@pytest.mark.parametrize("name", SCORED)
def test_target_labels_cannot_reach_the_checkpoint(
    name: str, roots: dict[str, Path], parts: Parts, tmp_path: Path
) -> None:
    method = plugins.get("methods", name)
    values = {
        "src": "resortit", "tgt": "taco", "model": "toy", "method": name, "size": [32, 64],
        "steps": 4, "batch": 2, "warmup": 1, "task": "binary",
        "parts": _given(name, parts, tmp_path, Task.BINARY),
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


@pytest.mark.skipif(EFFICIENTNET_LITE0.find() is None, reason="no ImageNet weights")
def test_names_of_regions_come_from_the_source_alone(
    roots: dict[str, Path], parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = parts["teacher"]["teacher"]["maps"]
    values = {
        "src": "resortit", "tgt": "taco", "model": "toy", "method": "teacher", "size": [32, 64],
        "steps": 4, "batch": 2, "warmup": 1, "task": "material",
        "parts": {"teacher": {"maps": f"named:{maps}", "paste": 0.5, "mirrored": True}},
    }  # fmt: skip
    seen: list[str] = []
    honest = OnnxMap.make
    monkeypatch.setattr(
        OnnxMap, "make", lambda self, x, name: (seen.append(name), honest(self, x, name))[1]
    )
    files = {}
    for kind in _KINDS:
        monkeypatch.setenv("DAGEN_CACHE", str(tmp_path / f"cache-{kind}"))
        runtime = Runtime(
            runs=tmp_path / kind, data_root=roots[kind], device="cpu", workers=0, track=False,
            quiet=True,
        )  # fmt: skip
        files[kind] = run(from_mapping(values), runtime).model.read_bytes()
    assert files["honest"] == files["noise"] == files["deleted"]
    assert seen and all("batch_1/" in name for name in seen)  # val is batch_2


def test_calibration_sees_neither_labels_nor_evaluation_images(
    roots: dict[str, Path], tmp_path: Path
) -> None:
    start, files = _start(tmp_path, Task.BINARY), {}
    for kind in _KINDS:
        out = tmp_path / f"{kind}.onnx"
        found = export(start, out, int8=True, calibrate="taco", data_root=roots[kind])
        assert found.facts.calibration["labels"] == 0
        files[kind] = out.read_bytes()
    assert files["honest"] == files["noise"] == files["deleted"]
    with pytest.MonkeyPatch.context() as patch:
        seen: list[str] = []
        honest = Taco.image
        patch.setattr(Taco, "image", lambda self, k: (seen.append(self.split), honest(self, k))[1])
        patch.setattr(Taco, "label", lambda self, k: seen.append("a label"))
        export(start, out, int8=True, calibrate="taco", data_root=roots["honest"])
    assert set(seen) == {"train"}


_Opened = tuple[str, str, str]


@contextmanager
def _opened() -> Iterator[set[_Opened]]:
    """What is opened of people's own data sets: the set's name, image or label, the split."""
    found: set[_Opened] = set()
    honest = OwnFolder.image, OwnFolder.label

    def image(data: OwnFolder, index: int) -> Image:
        found.add((data.root.name, "image", data.split))
        return honest[0](data, index)

    def label(data: OwnFolder, index: int) -> Label:
        found.add((data.root.name, "label", data.split))
        return honest[1](data, index)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OwnFolder, "image", image)
        patch.setattr(OwnFolder, "label", label)
        yield found


@pytest.mark.parametrize("name", ["minent", "teacher", "adabn"])
def test_extra_targets_give_no_label_and_no_evaluation_image(
    name: str, parts: Parts, tmp_path: Path
) -> None:
    values = {
        "src": "belt", "tgt": "site", "extra_tgt": ["more"], "model": "toy", "method": name,
        "size": [32, 64], "steps": 4, "batch": 4, "warmup": 1, "parts": parts.get(name, {}),
    }  # fmt: skip
    files, seen = {}, set[_Opened]()
    for kind in _KINDS:
        root = tmp_path / kind
        toml = 'ids = {"0" = "background", "1" = "can"}\nsplits = {val = 0.4}\n'
        for data in ("belt", "site"):
            own.make_masks(root / data, toml, [1])
        more = own.make_masks(root / "more", toml, [1], count=10, labels=kind != "deleted")
        if kind == "noise":
            own.reverse_ids(more, 2)
        runtime = Runtime(
            runs=root / "runs", data_root=root, device="cpu", workers=0, track=False, quiet=True
        )
        with _opened() as opened:
            files[kind] = run(from_mapping(values), runtime).model.read_bytes()
        seen |= opened
    assert files["honest"] == files["noise"] == files["deleted"]
    assert {each[1:] for each in seen if each[0] == "more"} == {("image", "train")}
    assert ("site", "label", "train") not in seen


_COUNTS = (3, 7, 19)


@pytest.fixture(scope="module")
def own_roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """People's own data sets of 3, 7 and 19 classes; the target's labels honest, noise, none."""
    found = {kind: tmp_path_factory.mktemp(kind) for kind in _KINDS}
    for kind, root in found.items():
        for count in _COUNTS:
            values = [*range(1, count)]
            names = ["background", *(f"c{value}" for value in values)]
            ids = ", ".join(f'"{value}" = "{name}"' for value, name in enumerate(names))
            toml = f"ids = {{{ids}}}\nsplits = {{val = 0.2}}\n"
            own.make_masks(root / f"belt{count}", toml, values)
            site = own.make_masks(root / f"site{count}", toml, values, labels=kind != "deleted")
            if kind == "noise":
                own.reverse_ids(site, count)
    return found


@pytest.mark.parametrize("count", _COUNTS)
@pytest.mark.parametrize("name", SCORED)
def test_labels_of_an_own_target_cannot_reach_the_checkpoint(
    name: str, count: int, own_roots: dict[str, Path], parts: Parts, tmp_path: Path
) -> None:
    task = declared(f"belt{count}", own_roots["honest"])
    assert task is not None
    values = {
        "src": f"belt{count}", "tgt": f"site{count}", "model": "toy", "method": name,
        "size": [32, 64], "steps": 4, "batch": 2, "warmup": 1,
        "parts": _given(name, parts, tmp_path, task),
    }  # fmt: skip
    if plugins.get("methods", name).needs_checkpoint:
        values["init"] = str(_start(tmp_path, task))
    files, scores = {}, {}
    for kind in _KINDS:
        runtime = Runtime(
            runs=tmp_path / kind, data_root=own_roots[kind], device="cpu", workers=0, track=False,
            quiet=True,
        )  # fmt: skip
        result = run(from_mapping(values), runtime)
        files[kind], scores[kind] = result.model.read_bytes(), result.scores.get(f"site{count}")
    assert files["honest"] == files["noise"] == files["deleted"]
    assert scores["honest"] is not None and len(scores["honest"]) > 3
    assert scores["honest"] != scores["noise"] and scores["deleted"] is None


@pytest.mark.parametrize("name", [n for n in plugins.names("methods") if n not in SCORED])
def test_pre_training_opens_no_label_and_no_evaluation_image(name: str, tmp_path: Path) -> None:
    files, seen = {}, set[_Opened]()
    for kind in _KINDS:
        root = tmp_path / kind
        toml = 'ids = {"0" = "background", "1" = "can"}\nsplits = {val = 0.4}\n'
        for data in ("belt", "site", "more"):
            made = own.make_masks(root / data, toml, [1], labels=kind != "deleted")
            if kind == "noise":
                own.reverse_ids(made, 2)
        values = {
            "src": "belt", "tgt": "site", "extra_tgt": ["more"], "model": "toy", "method": name,
            "size": [32, 64], "steps": 4, "batch": 4, "warmup": 1,
        }  # fmt: skip
        if name == "features":
            teacher = str(_start(tmp_path, Task.BINARY))
            values["parts"] = {name: {"teacher": teacher, "strides": [4]}}
        runtime = Runtime(
            runs=root / "runs", data_root=root, device="cpu", workers=0, track=False, quiet=True
        )
        with _opened() as opened:
            result = run(from_mapping(values), runtime)
            files[kind] = result.model.read_bytes()
            assert result.scores == {}
        seen |= opened
    assert files["honest"] == files["noise"] == files["deleted"]
    assert seen == {(data, "image", "train") for data in ("belt", "site", "more")}
