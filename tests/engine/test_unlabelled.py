"""A target without labels gets a sheet, validators' scores and the share of changed pixels."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dagen.cli._results import comparison
from dagen.datasets.loading.opening import open_dataset
from dagen.engine.run import run_pair
from dagen.errors import DataError
from dagen.runs import results
from dagen.runs.config import from_mapping
from dagen.runs.results import sheet_of
from dagen.runs.runtime import Runtime
from dagen.scoring.predictor import mask
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.tracking.recording import figures
from tests.own import make_masks


def test_an_unlabelled_target_gives_feedback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toml = 'ids = {"0" = "background", "128" = "can", "255" = "bag"}\nsplits = {val = 0.4}\n'
    make_masks(tmp_path / "mybelt", toml)
    make_masks(tmp_path / "site", "splits = {val = 0.4}\n", labels=False)
    runtime = Runtime(
        runs=tmp_path / "runs", data_root=tmp_path, device="cpu", workers=0, track=False, quiet=True
    )
    config = from_mapping({
        "src": "mybelt", "tgt": "site", "method": "minent", "width": 0.25, "size": [32, 32],
        "steps": 3, "batch": 2, "warmup": 1,
    })  # fmt: skip
    pair = run_pair(config, runtime)
    seen = pair.adapted.unlabelled
    assert seen is not None and seen.images == 2 and pair.baseline.unlabelled is None
    assert {"entropy", "infomax"} <= {*seen.validators} and "source-val" not in seen.validators
    assert all({*values} == {"before", "after"} for values in seen.validators.values())

    data = open_dataset("site", "val", TorchPredictor.load(pair.adapted.model).task, tmp_path)
    masks = []
    for run in (pair.baseline, pair.adapted):
        predictor = TorchPredictor.load(run.model, size=(32, 32))
        masks.append(np.stack([mask(predictor(data.image(i))) for i in (0, 1)]))
    assert seen.changed == float((masks[0] != masks[1]).mean())

    read = results.load(pair.adapted.folder)
    assert read is not None and read.unlabelled == seen
    stored = json.loads((pair.adapted.folder / results.FILE).read_text())
    assert stored["extra"]["unlabelled"]["changed"] == seen.changed
    known = figures(pair.adapted)
    assert known["unlabelled/changed"] == seen.changed and "unlabelled/entropy/after" in known
    with Image.open(sheet_of(pair.adapted.folder, "site")) as picture:
        width = picture.width
    with Image.open(sheet_of(pair.adapted.folder, "mybelt")) as picture:
        assert picture.width > width  # one column more: the truth

    comparison(pair, tmp_path / "runs")
    told = capsys.readouterr().out
    assert told.endswith(f"Compare runs: dagen ui --runs {tmp_path / 'runs'}\n")
    assert "site, without labels: validators' own scores; higher is better for each\n" in told
    assert "of the pixels of 2 images of site" in told


def test_a_target_may_be_a_plain_folder_of_photographs(tmp_path: Path) -> None:
    make_masks(
        tmp_path / "mybelt",
        'ids = {"0" = "a", "128" = "b"}\nignore = [255]\nsplits = {val = 0.4}\n',
    )
    photos = make_masks(tmp_path / "site", "", labels=False) / "photos"
    runtime = Runtime(
        runs=tmp_path / "runs", data_root=tmp_path, device="cpu", workers=0, track=False, quiet=True
    )
    config = from_mapping({
        "src": "mybelt", "tgt": str(photos), "method": "minent", "width": 0.25, "size": [32, 32],
        "steps": 2, "batch": 2, "warmup": 1,
    })  # fmt: skip
    found = run_pair(config, runtime).adapted
    assert found.unlabelled is not None and found.unlabelled.images == 5
    assert str(photos) not in found.scores and sheet_of(found.folder, str(photos)).exists()


def test_labels_of_a_target_that_has_none_are_refused_before_any_training(tmp_path: Path) -> None:
    toml = 'ids = {"0" = "background", "128" = "can", "255" = "bag"}\nsplits = {val = 0.4}\n'
    make_masks(tmp_path / "mybelt", toml)
    make_masks(tmp_path / "site", "splits = {val = 0.4}\n", labels=False)
    runtime = Runtime(
        runs=tmp_path / "runs", data_root=tmp_path, device="cpu", workers=0, track=False, quiet=True
    )
    config = from_mapping({"src": "mybelt", "tgt": "site", "method": "minent", "target_labels": 2})
    with pytest.raises(DataError, match="target_labels is 2, but site has no labels here"):
        run_pair(config, runtime)
    assert not (tmp_path / "runs").exists()
    bare = from_mapping({"src": "site", "tgt": "mybelt", "method": "minent", "task": "binary"})
    with pytest.raises(DataError, match="site has no labels in its split 'train', and a source"):
        run_pair(bare, runtime)
    assert not (tmp_path / "runs").exists()  # nor is a folder of the refused run left
