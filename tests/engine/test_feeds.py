"""Whole runs with few target labels, with all of them, and with rare-class sampling."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dagen import plugins
from dagen.datasets.maps import salience
from dagen.engine.build import build_network, build_stack
from dagen.engine.feeds import open_feeds
from dagen.engine.finishing import Job
from dagen.engine.run import run
from dagen.engine.training_run import TrainingRun
from dagen.errors import DagenError, UsageError
from dagen.runs.config import Config, from_mapping
from dagen.runs.history import read_records
from dagen.runs.plan import plan_run
from dagen.runs.reading import load
from dagen.runs.runtime import Runtime
from dagen.system.distributed import world
from tests import tiny
from tests.engine.interrupting import interrupted
from tests.own import make_masks

_plain = salience.salience

SMALL = {
    "src": "resortit", "tgt": "folder", "model": "enet", "width": 0.25, "task": "material",
    "size": [32, 32], "steps": 3, "batch": 4, "warmup": 1, "candidates": 1,
}  # fmt: skip


def small(**values: object) -> Config:
    return from_mapping({**SMALL, **values})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    tiny.make_resortit(root, train=4, val=1)
    tiny.make_folder(root, train=5, val=1)
    tiny.make_taco(root, train=5, val=1)
    return root


@dataclass
class Trained:
    """A run's student after its last step; nothing is scored."""

    weights: bytes
    labelled: list[str]


def trained(config: Config, runtime: Runtime, folder: Path) -> Trained:
    folder.mkdir(exist_ok=True)
    with world("cpu") as place:
        one = TrainingRun(Job(plan_run(config), runtime, folder, place))
        one.train()
    values = one.stack.student.state_dict().values()
    granted = one.feeds["labelled"].dataset if "labelled" in one.feeds else ()
    return Trained(
        b"".join(value.numpy().tobytes() for value in values),
        [one.feeds["labelled"].dataset.name(i) for i in range(len(granted))],
    )


def _noise(mask: Path) -> None:
    with Image.open(mask) as image:
        shape = (image.height, image.width)
    noise = np.random.default_rng(0).integers(0, 5, shape, np.uint8)
    Image.fromarray(noise).save(mask)


def test_a_part_of_the_source_is_labelled(runtime: Runtime, data: Path) -> None:
    def names(**values: object) -> list[str]:
        feeds = open_feeds(plan_run(small(tgt=None, **values)), runtime.data_root)
        images = feeds["source"].dataset
        return [images.name(i) for i in range(len(images))]

    every = names()
    two, three = names(source_labels=2), names(source_labels=3)
    assert len(every) == 4 and len(two) == 2 and set(two) < set(three) < set(every)
    assert names(source_labels=3, seed=1) != three
    with pytest.raises(UsageError, match="source_labels is 9; resortit has 4"):
        names(source_labels=9)


@pytest.mark.parametrize("rare", ["off", 0.05])
def test_only_the_chosen_labels_are_read(
    runtime: Runtime, data: Path, tmp_path: Path, rare: object
) -> None:
    config = small(method="minent", target_labels=2, rare_class_sampling=rare)
    honest = trained(config, runtime, tmp_path / "honest")
    masks = data / "folder" / "masks" / "train"
    chosen = [masks / f"{Path(name).stem}.png" for name in honest.labelled]
    assert len(chosen) == 2
    for mask in masks.iterdir():
        if mask not in chosen:
            mask.unlink()
    assert trained(config, runtime, tmp_path / "without") == honest
    for mask in chosen:  # and those that are chosen do count
        _noise(mask)
    assert trained(config, runtime, tmp_path / "noise").weights != honest.weights


def test_one_file_of_annotations_is_read_for_the_chosen_images_only(
    runtime: Runtime, data: Path, tmp_path: Path
) -> None:
    config = small(tgt="taco", method="supervised", target_labels=2)
    honest = trained(config, runtime, tmp_path / "honest")
    path = data / "taco" / "data" / "annotations.json"
    document = json.loads(path.read_text())
    chosen = {i["id"] for i in document["images"] if f"data/{i['file_name']}" in honest.labelled}
    assert len(chosen) == 2
    for entry in document["annotations"]:
        if entry["image_id"] not in chosen:
            entry["category_id"] = 59
    path.write_text(json.dumps(document))
    assert trained(config, runtime, tmp_path / "hidden") == honest


def test_without_granted_labels_none_is_opened(
    runtime: Runtime, data: Path, tmp_path: Path
) -> None:
    config = small(method="minent", rare_class_sampling=0.05)
    honest = trained(config, runtime, tmp_path / "honest")
    shutil.rmtree(data / "folder" / "masks")
    assert trained(config, runtime, tmp_path / "without") == honest


def _logged(folder: Path) -> tuple[dict[str, str], dict[str, str], dict[str, float]]:
    records = read_records(folder)
    tags = {k: v for r in records if r["kind"] == "tags" for k, v in dict(r["values"]).items()}
    roles = {r["role"]: r["name"] for r in records if r["kind"] == "dataset"}
    last = [dict(r["values"]) for r in records if r["kind"] == "metrics"][-1]
    return tags, roles, last


def test_the_oracle_trains_on_target_labels_alone(runtime: Runtime, data: Path) -> None:
    shutil.rmtree(data / "resortit")
    config = small(src="taco", tgt=None, score=["taco"], method="photometric,swa")
    assert config.ceiling == "oracle"
    result = run(config, runtime)
    assert set(result.scores) == {"taco"}
    tags, roles, last = _logged(result.folder)
    assert tags["ceiling"] == "oracle" and roles == {"source": "taco/train"}
    assert last["target/waste_iou"] == result.score("taco", "waste_iou")
    assert not any(name.startswith("source/") for name in last)


def test_oracle_and_source_train_on_both(runtime: Runtime) -> None:
    config = small(tgt="taco", method="photometric,swa", target_labels="all")
    assert config.ceiling == "oracle+source"
    result = run(config, runtime)
    tags, roles, last = _logged(result.folder)
    assert tags["ceiling"] == "oracle+source"
    assert roles == {"source": "resortit/train", "labelled": "taco/train"}
    assert {"target/waste_iou", "source/waste_iou"} <= set(last)
    assert len((result.folder / "target_labels.txt").read_text().splitlines()) == 5
    assert result.config["target_labels"] == "all"
    assert small().ceiling is None and small(target_labels=2).ceiling is None


def test_interrupted_and_resumed_gives_the_same_weights_to_the_bit(
    runtime: Runtime, tmp_path: Path
) -> None:
    config = small(method="object-paste", target_labels=3, rare_class_sampling=0.05)
    whole = trained(config, replace(runtime, workers=2), tmp_path / "whole")
    with interrupted(2):
        trained(config, replace(runtime, save_every=1), tmp_path / "parts")
    assert (tmp_path / "parts" / "state-00000002.pt").is_file()
    assert trained(config, runtime, tmp_path / "parts") == whole


def test_a_source_free_stack_learns_from_target_labels_alone(
    runtime: Runtime, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins.get("methods", "minent"), "family", "source-free")
    shutil.rmtree(data / "resortit")
    config = small(method="minent", target_labels=2)
    plan = plan_run(config)
    assert list(build_stack(plan, build_network(config, plan.task)).parts) == [
        "supervised",
        "minent",
    ]
    feeds = open_feeds(plan, runtime.data_root)
    assert set(feeds) == {"target", "labelled"}
    config = small(method="minent")
    assert plan_run(config).parts.names == ("minent",)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tgt": None, "target_labels": 3}, "there is no target; give --tgt"),
        ({"target_labels": 3, "batch": 1}, "give at least 2"),
        ({"target_labels": 9}, "folder has 5 training images with labels: give at most 5"),
    ],
)
def test_what_cannot_run_is_one_clear_line(
    runtime: Runtime, values: dict[str, object], message: str
) -> None:
    with pytest.raises(DagenError, match=message) as error:
        run(small(**values), runtime)
    assert "\n" not in str(error.value)


def test_each_process_needs_images_of_both_domains() -> None:
    plan_run(small(target_labels=3, batch=4), 2)
    with pytest.raises(UsageError, match=r"batch is 2.*give at least 4"):
        plan_run(small(target_labels=3, batch=2), 2)


def test_what_needs_labels_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins.get("methods", "minent"), "family", "source-free")
    with pytest.raises(UsageError, match="rare_class_sampling draws by label, and minent uses"):
        plan_run(small(method="minent", rare_class_sampling=0.05))
    plan_run(small(method="minent", rare_class_sampling=0.05, target_labels=1))
    monkeypatch.setattr(plugins.get("methods", "minent"), "online", True)
    with pytest.raises(UsageError, match="'minent' adapts over a stream"):
        plan_run(small(method="minent", target_labels=1))


@pytest.mark.parametrize(
    ("key", "given", "kept"),
    [
        ("target_labels", 7, 7),
        ("target_labels", "7", 7),
        ("target_labels", "all", "all"),
        ("rare_class_sampling", "off", "off"),
        ("rare_class_sampling", 1, 1.0),
    ],
)
def test_settings_are_read(key: str, given: object, kept: object) -> None:
    assert getattr(from_mapping({key: given}), key) == kept
    assert getattr(load(sets=[f"{key}={given}"]), key) == kept
    again = from_mapping(json.loads(from_mapping({key: given}).to_json()))
    assert getattr(again, key) == kept


@pytest.mark.parametrize("given", [-1, "many", "-3", 2.5, True, None])
def test_bad_numbers_of_labels_get_one_clear_line(given: object) -> None:
    with pytest.raises(UsageError, match=r"target_labels is .*0 or more\), or all\.$"):
        from_mapping({"target_labels": given})


@pytest.mark.parametrize("given", [0, -0.1, float("inf"), float("nan"), "on", True])
def test_bad_temperatures_get_one_clear_line(given: object) -> None:
    with pytest.raises(UsageError, match=r"rare_class_sampling is .*such as 0.01, or off\.$"):
        from_mapping({"rare_class_sampling": given})


def test_runs_from_before_keep_their_names() -> None:
    assert Config().name == "resortit-enet-supervised-material-s0-0deb102f"
    values = Config(tgt="taco").to_dict()
    assert not {"target_labels", "rare_class_sampling", "recipe"} & set(values)
    names = {small(**v).name for v in ({}, {"target_labels": 1}, {"rare_class_sampling": 0.1})}
    assert len(names) == 3


def test_the_baseline_has_no_target_label() -> None:
    baseline = small(target_labels=3, rare_class_sampling=0.1).source_only()
    assert (baseline.target_labels, baseline.rare_class_sampling) == (0, "off")
    assert baseline == small().source_only()


def test_salience_maps_reach_the_parts_that_need_them(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[int, ...]] = []

    def once(image: np.ndarray) -> np.ndarray:
        made.append(image.shape)
        return _plain(image)

    config = small(method="saliency", zoom=1.0)
    feed = open_feeds(plan_run(config), runtime.data_root)["target"]
    monkeypatch.setattr(salience, "salience", once)
    assert list(feed.maps) == ["salience"] and not feed.labelled
    for _ in range(2):
        for index in range(len(feed.dataset)):
            image = feed.dataset.image(index)
            shown = feed.dataset.map_of(index, feed.maps["salience"])
            assert np.array_equal(shown, _plain(image))
    assert len(made) <= len(feed.dataset)  # the second time from the cache
    feeds = open_feeds(plan_run(small(method="advent")), runtime.data_root)
    assert not feeds["target"].maps


def test_guessed_names_are_said_once_for_both_trainings(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ids = 'ids = {"0" = "background", "128" = "class-128", "255" = "bag"}\nsplits = {val = 0.2}\n'
    root = make_masks(tmp_path / "own", ids)
    plan = plan_run(from_mapping({"src": str(root), "size": [32, 64]}))
    for _ in range(2):
        open_feeds(plan, None)
    assert caplog.text.count("has names that were guessed (class-128)") == 1
