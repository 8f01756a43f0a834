"""A start for other runs: made without labels and scores, and taken without its head."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import dagen
from dagen import plugins
from dagen.datasets.folder import Folder
from dagen.engine.build import build_network
from dagen.engine.run import pretrain, run, run_pair
from dagen.errors import DagenError, UsageError
from dagen.models.deployed.file import load_deployed, read_card
from dagen.runs import describe, results
from dagen.runs.config import Config, from_mapping
from dagen.runs.reading import load
from dagen.runs.runtime import Runtime
from dagen.types import Image, Task
from tests import tiny
from tests.engine.interrupting import interrupted


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    tiny.make_resortit(root, train=4, val=1)
    tiny.make_folder(root, train=5, val=2)
    return root


def small(**values: object) -> Config:
    return from_mapping(
        {
            "src": "resortit", "tgt": "folder", "model": "bisenet", "width": 0.25,
            "task": "material", "size": [64, 64], "steps": 3, "batch": 4, "warmup": 1,
            "method": "features", **values,
        }
    )  # fmt: skip


def test_nothing_is_scored_and_no_val_image_is_read(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[tuple[str, str]] = set()
    plain = Folder.image

    def image(data: Folder, index: int) -> Image:
        seen.add(("image", data.split))
        return plain(data, index)

    monkeypatch.setattr(Folder, "image", image)
    monkeypatch.setattr(Folder, "label", lambda data, index: seen.add(("label", data.split)))
    result = pretrain(small(), runtime)
    assert seen == {("image", "train")}
    assert result.scores == {} and result.baseline is None and result.profile["parameters"] > 0
    assert result.seen == ("ImageNet",)
    assert result.teachers is not None and result.teachers["lite"].startswith("pretrained/1 5793")
    assert results.load(result.folder) is not None
    assert read_card(result.model).seen == ("ImageNet",)
    assert describe.command(result.config).startswith("dagen pretrain --src resortit --tgt folder")
    again = pretrain(small(), runtime)
    assert again.earlier


def test_half_of_the_images_are_the_sources(runtime: Runtime) -> None:
    from dagen.engine.feeds import open_targets
    from dagen.runs.plan import plan_run

    images = open_targets(plan_run(small()), runtime.data_root)
    ours = [n for n in (images.name(i) for i in range(len(images))) if n.startswith("train/")]
    assert len(images) == 10 and len(ours) == 5 and not images.has_labels
    assert len(set(ours)) == 4  # of four, one is there twice


@pytest.mark.parametrize("method", ["rotation", "inpainting"])
def test_self_supervision_of_the_source_alone_opens_no_label(
    method: str, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def label(data: object, index: int) -> None:
        raise AssertionError("a label was opened")

    monkeypatch.setattr(plugins.get("datasets", "resortit"), "label", label)
    start = pretrain(small(method=method, tgt=None), runtime)
    assert start.scores == {} and start.seen == () and start.name.startswith("resortit-bisenet")
    made, _ = load_deployed(start.model)
    statistics = [x for k, x in made.deployed().items() if k.endswith("running_mean")]
    assert all(bool(x.abs().sum() > 0) for x in statistics)
    monkeypatch.undo()
    after = run(small(method="supervised", tgt=None, init=str(start.model)), runtime)
    assert after.scores["resortit"]


def test_a_run_starts_from_all_but_the_head(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    start = pretrain(small(), runtime)
    made, _ = load_deployed(start.model)
    for task in (Task.BINARY, Task.MATERIAL):
        config = small(method="minent", task=task.name, seed=3)
        fresh = build_network(config, task).state_dict()
        with caplog.at_level(logging.WARNING):
            caplog.clear()
            taken = build_network(replace(config, init=str(start.model)), task).state_dict()
        (line,) = [r.getMessage() for r in caplog.records]
        assert "is pre-trained: all but its head is taken" in line and "\n" not in line
        for name, value in made.state_dict().items():
            if name.startswith(("head.", "aux")):
                assert torch.equal(taken[name], fresh[name]), name
            else:
                assert torch.equal(taken[name], value), name
    adapted = run(small(method="minent", init=f"run:{start.name}"), runtime)
    assert adapted.scores.keys() == {"resortit", "folder"} and adapted.seen == ("ImageNet",)


def test_a_file_settles_the_network_and_not_the_classes(runtime: Runtime) -> None:
    start = pretrain(small(), runtime)
    for init in (str(start.model), f"run:{start.name}"):
        flags = {"src": "resortit", "init": init, "task": "binary"}
        config = load(flags=flags, runs=runtime.runs)
        assert (config.model, config.width, config.task) == ("bisenet", 0.25, "binary")
        assert config.size == (224, 448)
    with pytest.raises(UsageError, match=r"holds bisenet \(width 0\.25, material\); this run tr"):
        run(small(method="minent", width=0.5, init=f"run:{start.name}"), runtime)


def test_it_is_no_network_to_segment_with(runtime: Runtime) -> None:
    start = pretrain(small(), runtime)
    message = "is pre-trained only and cannot segment; start a run from it with --init"
    image = torch.zeros(64, 64, 3, dtype=torch.uint8).numpy()
    with pytest.raises(UsageError, match=message):
        dagen.predict(start.model, image)
    with pytest.raises(UsageError, match=message):
        dagen.export(start.model)
    with pytest.raises(UsageError, match=message):
        run(small(method="shot", init=f"run:{start.name}"), runtime)
    own = {"distill": {"teacher": f"run:{start.name}"}}
    with pytest.raises(UsageError, match=message):
        run(small(method="distill", parts=own), runtime)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"batch_norm": "source"}, "batch_norm is source, and features sees all images as"),
        ({"score": ["taco"]}, "score is given, and features opens no label and is not scored"),
        ({"target_labels": 2}, "target_labels is given, and features"),
        ({"candidates": 3}, "candidates is given, and features"),
        ({"select": "infomax"}, "select is given, and features"),
        ({"parts": {"features": {"teacher": "enet"}}}, "enet has no pretrained encoder; allowed:"),
        ({"parts": {"features": {"teacher": "run:none"}}}, "there is no run none"),
        ({"method": "minent"}, "minent does not pre-train; allowed: features"),
    ],
)
def test_what_cannot_work_is_one_line(
    values: dict[str, object], message: str, runtime: Runtime
) -> None:
    with pytest.raises(DagenError, match=message) as error:
        pretrain(small(**values), runtime)
    assert "\n" not in str(error.value)
    assert not [*runtime.runs.glob("*/config.json")]


def test_adapt_names_the_other_command(runtime: Runtime) -> None:
    with pytest.raises(UsageError, match="run it with `dagen pretrain`, and start from it"):
        run_pair(small(), runtime)


def test_further_targets_may_not_hold_what_a_later_run_scores(
    runtime: Runtime, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.symlink_to(tmp_path / "data" / "folder" / "images" / "val")
    with pytest.raises(UsageError, match=r"are those of folder val"):
        pretrain(small(extra_tgt=[str(photos)]), runtime)


def test_a_stopped_run_resumes_to_the_bit(runtime: Runtime) -> None:
    with interrupted(2):
        pretrain(small(), replace(runtime, save_every=1))
    resumed = pretrain(small(), runtime)
    whole = pretrain(small(), replace(runtime, runs=runtime.runs.with_name("again")))
    assert resumed.model.read_bytes() == whole.model.read_bytes()


def test_the_record_names_every_data_set(runtime: Runtime) -> None:
    result = pretrain(small(), runtime)
    lines = [json.loads(line) for line in (result.folder / "log.jsonl").read_text().splitlines()]
    named = {(d["name"], d["images"]) for d in lines if d["kind"] == "dataset"}
    assert named == {("resortit/train", 4), ("folder/train", 5)}
    data = json.loads((result.folder / "data.json").read_text())
    assert data["train"].keys() == {"resortit", "folder"} and data["val"] == {}
