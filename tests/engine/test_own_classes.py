"""Runs on people's own data sets: names, classes in the card, refusals, what is said."""

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dagen.engine import classes
from dagen.engine.run import run, run_pair
from dagen.errors import DagenError, DataError, UsageError
from dagen.models.deployed.file import load_deployed, read_card
from dagen.runs import results
from dagen.runs.config import Config, from_mapping, plain_name
from dagen.runs.history import read_records
from dagen.runs.results import sheet_of
from dagen.runs.runtime import Runtime
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.types import Task
from tests import tiny
from tests.own import make_masks

TOML = 'ids = {"0" = "background", "128" = "can", "255" = "bag"}\nsplits = {val = 0.4}\n'
SMALL = {
    "model": "enet", "width": 0.25, "size": [32, 32], "steps": 2, "batch": 2, "warmup": 1
}  # fmt: skip


def _runtime(tmp_path: Path, **values: object) -> Runtime:
    return Runtime(
        runs=tmp_path / "runs", data_root=tmp_path, device="cpu", workers=0, track=False,
        quiet=True, **values,  # type: ignore[arg-type]
    )  # fmt: skip


def _config(**values: object) -> Config:
    return from_mapping({**SMALL, **values})


def test_two_folders_become_an_adapted_network(tmp_path: Path) -> None:
    make_masks(tmp_path / "mybelt", TOML + 'colours = {can = "#010203"}\n')
    make_masks(tmp_path / "far" / "mybelt", "splits = {val = 0.4}\n", labels=False)
    target = str(tmp_path / "far" / "mybelt")
    config = _config(src="mybelt", tgt=target, method="minent")
    assert config.task == "classes" and config.name.startswith("mybelt-mybelt-enet-minent-classes-")
    result = run_pair(config, _runtime(tmp_path)).adapted
    card = read_card(result.model)
    assert card.classes == ("background", "can", "bag") and card.colours[1] == (1, 2, 3)
    assert load_deployed(result.model)[0].num_classes == 3
    assert TorchPredictor.load(result.model).task.classes == card.classes
    assert {"iou/can", "iou/bag", "waste_iou"} <= {*result.scores["mybelt"]}
    assert sheet_of(result.folder, "mybelt").is_file()


def test_the_resolved_classes_stand_in_the_result_and_in_the_tags(tmp_path: Path) -> None:
    make_masks(tmp_path / "mybelt", TOML)
    theirs = 'ids = {"0" = "ground", "128" = "tin", "255" = "glass"}\nbackground = "ground"\n'
    splits = "splits = {val = 0.4}\n"
    make_masks(tmp_path / "site", f'{theirs}{splits}[map]\ntin = "Can"\n')
    config = _config(src="mybelt", tgt="site", method="minent")
    result = run(config, _runtime(tmp_path))
    assert result.classes == results.load(result.folder).classes  # type: ignore[union-attr]
    assert json.loads((result.folder / "result.json").read_text())["classes"] == {
        "ids": {"0": "background", "1": "can", "2": "bag"},
        "background": "background",
        "data": {
            "mybelt": {"background": "background", "can": "can", "bag": "bag"},
            "site": {"ground": "background", "tin": "can", "glass": None},
        },
    }
    tags: dict[str, str] = {}
    for record in read_records(result.folder):
        tags |= record["values"] if record["kind"] == "tags" else {}
    assert tags["classes"] == "0 background, 1 can, 2 bag"
    assert tags["classes.background"] == "background"
    assert tags["classes.target"] == "ground: background, tin: can, glass: ignored"


def test_built_in_tasks_say_what_categories_become(tmp_path: Path) -> None:
    tiny.make_resortit(tmp_path, train=2, val=1)
    tiny.make_taco(tmp_path, train=2, val=1)
    config = _config(src="resortit", tgt="taco", method="minent", task="material", size=[32, 64])
    found = run(config, _runtime(tmp_path)).classes
    assert found is not None and found.names == Task.MATERIAL.classes
    assert found.data["taco"]["Drink can"] == "aluminium"
    assert found.data["taco"]["Battery"] is None and len(found.data["taco"]) == 60
    long = replace(found, names=tuple(f"class number {k}" for k in range(255)))
    assert all(len(text) <= 5000 for text in long.tags({}).values())  # MLflow's limit


def test_a_source_free_run_takes_its_classes_from_the_checkpoint(tmp_path: Path) -> None:
    make_masks(tmp_path / "mybelt", TOML)
    start = run(_config(src="mybelt"), _runtime(tmp_path))
    shutil.rmtree(tmp_path / "mybelt")  # only the network is left
    make_masks(tmp_path / "site", TOML)
    for init in (str(start.model), f"run:{start.name}"):
        for method in ("shot", "tent"):
            config = _config(src="mybelt", tgt="site", method=method, init=init)
            pair = run_pair(config, _runtime(tmp_path))
            assert pair.source_free and read_card(pair.adapted.model).classes[1:] == ("can", "bag")
            assert "iou/can" in pair.adapted.scores["site"]
            assert pair.adapted.classes is not None and set(pair.adapted.classes.data) == {"site"}
    with pytest.raises(DagenError, match="is not a file"):
        gone = str(tmp_path / "gone.safetensors")
        run(_config(src="mybelt", tgt="site", method="shot", init=gone), _runtime(tmp_path))
    other = make_masks(tmp_path / "other", TOML.replace("can", "tin").replace("bag", "sack"))
    with pytest.raises(DataError, match="none of them is among the classes"):
        config = _config(src="mybelt", tgt=str(other), method="shot", init=str(start.model))
        run(config, _runtime(tmp_path))


def test_a_street_has_no_waste(tmp_path: Path) -> None:
    make_masks(tmp_path / "street", 'ids = {"0" = "road", "128" = "car", "255" = "sky"}\n'
               "splits = {val = 0.4}\n")  # fmt: skip
    scores = run(_config(src="street"), _runtime(tmp_path)).scores["street"]
    assert "waste_iou" not in scores and scores["foreground_miou"] == scores["miou"]


def test_other_classes_than_before_are_refused(tmp_path: Path) -> None:
    root = make_masks(tmp_path / "mybelt", TOML)
    config = _config(src="mybelt")
    before = run(config, _runtime(tmp_path))
    text = (root / "dagen.toml").read_text()
    (root / "dagen.toml").write_text(text.replace('"bag"', '"sack"'))
    with pytest.raises(UsageError, match=r"began with .* bag, .* can, sack: .*--fresh"):
        run(config, _runtime(tmp_path))
    again = run(config, _runtime(tmp_path, fresh=True))
    assert again.folder == before.folder
    assert read_card(again.model).classes == ("background", "can", "sack")
    (again.folder / classes.FILE).write_text(json.dumps({"classes": 3}))
    with pytest.raises(DagenError, match=r"damaged.*--fresh"):
        run(config, _runtime(tmp_path))


def test_what_has_no_counterpart_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_masks(tmp_path / "mybelt", TOML)
    other = 'ids = {"0" = "background", "128" = "tin", "255" = "shoe"}\nsplits = {val = 0.4}\n'
    make_masks(tmp_path / "site", other + '[map]\ntin = "can"\n')
    classes._say.cache_clear()
    with caplog.at_level(logging.WARNING, "dagen"):
        result = run_pair(_config(src="mybelt", tgt="site", method="minent"), _runtime(tmp_path))
    said = [r.getMessage() for r in caplog.records if "counterpart" in r.getMessage()]
    assert len(said) == 1 and said[0].startswith("site: shoe has no counterpart")
    assert "iou/can" in result.adapted.scores["site"]


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        ({"tgt": "mybelt", "method": "minent"}, UsageError, "mybelt"),
        ({"tgt": "site", "method": "minent"}, DataError, "site has the classes .* none of them"),
        ({"src": "bare"}, UsageError, "bare declares none: say in its .* can be a target"),
        ({"src": "mybelt", "task": "material"}, DataError, "none of them is among"),
    ],
)
def test_what_cannot_work_is_said_before_training(
    tmp_path: Path, values: dict[str, object], kind: type[Exception], message: str
) -> None:
    make_masks(tmp_path / "mybelt", TOML)
    make_masks(tmp_path / "site", 'classes = ["background", "fish"]\nsplits = {val = 0.4}\n')
    make_masks(tmp_path / "bare", "splits = {val = 0.4}\n", labels=False)
    with pytest.raises(kind, match=message):
        run(_config(**{"src": "mybelt", **values}), _runtime(tmp_path))
    assert not (tmp_path / "runs").exists()


def test_paths_become_plain_names() -> None:
    assert plain_name("taco") == "taco" and plain_name("/a b/my belt/") == "my_belt"
    assert plain_name("./mybelt") == plain_name("x/../mybelt") == "mybelt" and plain_name(
        ".."
    ) not in ("", "..")
    assert _config(src="a/belt").name != _config(src="b/belt").name
    assert "/" not in _config(src="a/belt", tgt="~/b/belt").name
    one, other = (sheet_of(Path(), name).name for name in ("a/belt", "b/belt"))
    assert one != other and one.startswith("predictions-belt-")


def test_the_usual_task_follows_the_source() -> None:
    assert _config(src="taco").task == _config().task == "material"
    assert _config(src="mybelt").task == "classes"
    assert _config(src="mybelt", task="binary").task == "binary"
