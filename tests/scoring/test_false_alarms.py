"""False alarms are counted on empty scenes, kept with the run and told wherever scores are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import dagen
from dagen.datasets.loading.empty import open_empty
from dagen.engine.run import run_pair
from dagen.errors import UsageError
from dagen.runs import results
from dagen.runs.config import from_mapping
from dagen.runs.note import note
from dagen.runs.plan import plan_run
from dagen.runs.runtime import Runtime
from dagen.scoring.false_alarms import false_alarms
from dagen.scoring.predictor import mask
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.system.progress import Progress
from dagen.tracking.recording import figures
from dagen.types import Image, Task
from dagen.visualization.page.subjects import Subject
from dagen.visualization.page.tables import costs
from tests import own


class _TopRows:
    """Calls the first ``rows`` rows foreground, shared by two classes that are weak each."""

    name, size, bytes = "rows", (32, 32), None

    def __init__(self, rows: int, task: Task) -> None:
        self.rows, self.task = rows, task

    def __call__(self, image: Image) -> np.ndarray:
        p = np.zeros((self.task.num_classes, *image.shape[:2]), np.float32)
        p[0] = 1
        p[:, : self.rows] = 0
        p[-1, : self.rows] = 1
        return p


@pytest.mark.parametrize("task", [Task.BINARY, Task.MATERIAL])
def test_the_share_of_pixels_called_foreground(task: Task, tmp_path: Path) -> None:
    own.make_photos(tmp_path / "beach", 3)
    for rows in (0, 12, 48):
        found = false_alarms(_TopRows(rows, task), "beach", tmp_path, Progress(quiet=True))
        assert (found.data, found.images) == ("beach", 2)
        assert found.share == pytest.approx(rows / 48)


def test_a_task_without_background_has_no_false_alarms(tmp_path: Path) -> None:
    task = Task("classes", ("road", "sky"), background=False)
    with pytest.raises(UsageError, match="no background"):
        false_alarms(_TopRows(1, task), "beach", tmp_path, Progress(quiet=True))
    (tmp_path / "gta5").mkdir()
    config = from_mapping({"src": "gta5", "task": "classes", "empty": "beach"})
    with pytest.raises(UsageError, match=r"empty is 'beach'.*no background"):
        plan_run(config, data_root=tmp_path)


def test_scenes_that_the_run_sees_are_refused() -> None:
    values = {"src": "resortit", "tgt": "taco", "method": "minent", "extra_tgt": ["beach"]}
    for name in ("taco", "resortit", "beach"):
        with pytest.raises(UsageError, match=rf"empty names '{name}'.*teacher\.empty"):
            plan_run(from_mapping({**values, "empty": name}))


def test_a_run_keeps_and_tells_them(tmp_path: Path) -> None:
    toml = 'ids = {"0" = "background", "1" = "can"}\nsplits = {val = 0.4}\n'
    for name in ("belt", "site"):
        own.make_masks(tmp_path / name, toml, [1])
    own.make_photos(tmp_path / "beach", 4)
    values = {
        "src": "belt", "tgt": "site", "method": "minent", "width": 0.25, "size": [32, 32],
        "steps": 2, "batch": 2, "warmup": 1,
    }  # fmt: skip
    plain, config = from_mapping(values), from_mapping({**values, "empty": "beach"})
    assert "empty" not in plain.to_dict() and config.source_only().empty == "beach"
    runtime = Runtime(
        runs=tmp_path / "runs", data_root=tmp_path, device="cpu", workers=0, track=False, quiet=True
    )
    pair = run_pair(config, runtime)
    for run in (pair.baseline, pair.adapted):
        found = run.false_alarms
        assert found is not None and (found.data, found.images) == ("beach", 2)
        predictor = TorchPredictor.load(run.model, size=(32, 32))
        scenes = open_empty("beach", "val", predictor.task, tmp_path)
        said = np.stack([mask(predictor(scenes.image(i))) for i in range(2)])
        assert found.share == pytest.approx(float((said != 0).mean()))
        assert figures(run)["false_alarms"] == found.share
        assert "scenes without objects (beach)" in note(run, None)
        read = results.load(run.folder)
        assert read is not None and read.false_alarms == found
    adapted = pair.adapted
    scores = dagen.evaluate(adapted.model, data="site", empty="beach", data_root=tmp_path)
    assert adapted.false_alarms is not None
    assert scores["false_alarms"] == pytest.approx(adapted.false_alarms.share)
    pages = [Subject("a", adapted), Subject("b", replace(adapted, false_alarms=None))]
    row = dict(costs(pages, None))["false alarms, 2 empty scenes of beach"]
    assert row == [f"{100 * adapted.false_alarms.share:.2f} %", "–"]
