"""Every figure is written twice, says what it shows, and shows what was counted."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dagen.runs.log import RunLog
from dagen.types import PRESETS
from dagen.visualization import (
    captions,
    case_sheets,
    cases,
    confusion,
    curves,
    distance_table,
    failure_groups,
    map_picture,
    reliability,
    style,
    survey,
)
from dagen.visualization.embedding import Floats
from dagen.visualization.survey import Survey

TOLD = ("resortit val (4 of 4 images)", "taco val (5 of 5 images)", "source-only: enet",
        "advent: enet", "3 steps", "seed 1", "seed 2")  # fmt: skip
Numbers = list[dict[str, float]]


def _check(files: list[Path], told: tuple[str, ...]) -> None:
    png, svg = files
    assert (png.suffix, svg.suffix) == (".png", ".svg")
    with Image.open(png) as picture:
        caption = str(picture.info["Description"])
        assert picture.width > 400 and np.asarray(picture.convert("L")).std() > 5
    text = svg.read_text(encoding="utf-8")
    for word in told:
        assert word in caption and word in text


def test_the_map_tells_its_seed_and_data(
    seen: Survey, places: Floats, numbers: Numbers, tmp_path: Path
) -> None:
    files = map_picture.draw(seen, places, numbers, tmp_path / "map")
    _check(files, (*TOLD, "240 points", "120 pixels", "seed 0"))
    first = [file.read_bytes() for file in files]
    map_picture.draw(seen, places, numbers, tmp_path / "map")
    assert [file.read_bytes() for file in files] == first


@pytest.mark.parametrize("draw", [confusion.draw, reliability.draw], ids=["confusion", "ece"])
def test_figures_of_both_domains(
    seen: Survey, tmp_path: Path, draw: Callable[[Survey, Path], list[Path]]
) -> None:
    _check(draw(seen, tmp_path / "figure"), TOLD)


def test_failure_groups_are_of_the_target(seen: Survey, tmp_path: Path) -> None:
    _check(failure_groups.draw(seen, tmp_path / "groups"), TOLD[1:])
    untagged = replace(seen, pictures=[replace(p, scene=None) for p in seen.pictures])
    assert failure_groups.by_scene(untagged) == []
    _check(failure_groups.draw(untagged, tmp_path / "none"), ("taco has no scene tags",))


def test_groups_add_up_what_belongs_together(seen: Survey) -> None:
    target = [p for p in seen.pictures if p.domain == 1]
    for k in range(2):
        by_class = [group.values[k] for group in failure_groups.by_class(seen)]
        assert by_class == seen.scores(k, 1).iou[1:]
    scenes = failure_groups.by_scene(seen)
    assert sum(group.count for group in scenes) == len(target)
    name = target[0].scene
    assert name is not None
    own = survey.pooled([p.scores[1] for p in target if p.scene == name], seen.task)
    assert next(g for g in scenes if g.name == name).values[1] == own.foreground_miou
    sizes = failure_groups.by_size(seen)
    assert sum(group.count for group in sizes) == sum(len(p.objects) for p in target)
    everything = [o.found[0] for p in target for o in p.objects]
    mean = sum(g.count * g.values[0] for g in sizes) / len(everything)
    assert math.isclose(mean, float(np.mean(everything)), abs_tol=1e-9)


def test_a_confusion_matrix_has_rows_of_a_hundred_per_cent(seen: Survey) -> None:
    counts = seen.scores(1, 0).confusion.numpy()
    shares = confusion.shares(seen, 1, 0)
    for row in range(5):
        for column in range(5):
            expected = 100 * counts[row, column] / counts[row].sum()
            assert math.isclose(shares[row, column], expected, rel_tol=1e-9)


def test_sheets_show_image_truth_answers_entropy_and_disagreement(
    seen: Survey, tmp_path: Path
) -> None:
    kind = cases.cases(seen, 2)[0]
    path = case_sheets.draw(seen, kind, tmp_path / "worst.png")
    with Image.open(path) as sheet:
        assert sheet.width == 6 * 230 + 5 * 8 + 32  # six columns, gaps, margins
        pixels = np.asarray(sheet).reshape(-1, 3)
    colours = {tuple(each) for each in pixels.tolist()}
    assert {(0, 114, 178), (213, 94, 0), (240, 228, 66)} <= colours  # the key of disagreement
    alone = replace(
        seen,
        checkpoints=seen.checkpoints[:1],
        pictures=[replace(p, scores=p.scores[:1]) for p in seen.pictures],
    )
    case_sheets.draw(alone, cases.cases(alone, 1)[0], tmp_path / "one.png")
    with Image.open(tmp_path / "one.png") as sheet:
        assert sheet.width == 5 * 230 + 4 * 8 + 32


def test_changed_pixels_are_marked_and_others_pale() -> None:
    image = np.full((2, 2, 3), 100, np.uint8)
    change = np.array([[cases.SAME, cases.BETTER], [cases.WORSE, cases.OTHERWISE]], np.uint8)
    shown = case_sheets.marked(image, change)
    assert np.ptp(shown[0, 0]) == 0 and shown[0, 0, 0] > 100
    assert len({tuple(pixel) for pixel in shown.reshape(-1, 3).tolist()}) == 4


def test_curves_lie_over_each_other(seen: Survey, tmp_path: Path) -> None:
    opened = []
    for k, c in enumerate(seen.checkpoints):
        log = RunLog.open(tmp_path / f"run{k}")
        for step in range(1, 4):
            values = {"train/loss": 3 / step + k, "train/seconds": step, "train/lr": 0.1}
            log.metrics({**values, **({"train/advent/fool": 0.1 * step} if k else {})}, step)
        log.metrics({"target/miou": 0.5}, 3)
        opened.append(replace(c, path=log.folder / "model.safetensors"))
    found = curves.curves(opened)
    assert list(found) == ["train/loss", "train/advent/fool"]
    assert found["train/loss"]["advent"] == [(1, 4.0), (2, 2.5), (3, 2.0)]
    assert list(found["train/advent/fool"]) == ["advent"]
    _check(curves.draw(opened, tmp_path / "curves"), ("source-only: enet", "3 steps", "seed 2"))
    assert curves.draw(seen.checkpoints, tmp_path / "none") == []


def test_the_table_says_what_got_better() -> None:
    before = {"a_distance": 1.5, "knn_transfer": 0.25, "centroid": math.nan}
    after = {"a_distance": 1.0, "knn_transfer": 0.2, "centroid": 1.0, "centroid/paper": 1.0}
    rows = distance_table.rows([before, after])
    assert [row.change for row in rows] == ["−0.500 (better)", "−5.0 points (worse)", "–", "–"]
    assert rows[1].cells == ("25.0 %", "20.0 %") and rows[3].title == "centroid distance, paper"
    assert distance_table.rows([before])[0].change == ""
    text = distance_table.markdown(["source-only", "a|b"], [before, after], "Seed 0.")
    assert "| proxy A-distance | lower | 1.500 | 1.000 | −0.500 (better) |" in text
    assert "a\\|b" in text and text.endswith("\n\nSeed 0.\n")


def test_captions_admit_what_is_not_known(seen: Survey) -> None:
    card = replace(seen.checkpoints[0].card, run={})
    told = captions.networks([replace(seen.checkpoints[0], card=card)])
    assert "does not say how it was trained" in told


def test_colours_differ_between_classes_and_between_runs() -> None:
    for task in PRESETS:
        assert len({*style.class_colours(task)}) == task.num_classes
    assert len(set(style.RUNS)) == len(style.RUNS) == len(style.HATCHES) == len(style.LINES)
