"""A target with masks for some of its images is scored on these, and says so."""

import logging
from pathlib import Path

import numpy as np
import pytest

from dagen.api import networks
from dagen.datasets.loading import few_labels, opening
from dagen.datasets.upkeep.check import check
from dagen.errors import DataError, UsageError
from dagen.scoring.evaluation import evaluate
from dagen.types import Task
from tests.own import make_masks
from tests.scoring.by_hand import Runtime

TOML = 'ids = {"0" = "background", "128" = "can", "255" = "bag"}\nsplits = {val = 0.4}\n'


def _some(root: Path, gone: int) -> Path:
    """Nine images, the first masks of each split without ``gone``."""
    make_masks(root, TOML, count=9)
    for split in ("train", "val"):
        data = opening.open_dataset(str(root), split, Task.BINARY)
        for index in range(gone):
            (root / "drawn" / f"{Path(data.name(index)).stem}.png").unlink()
    return root


def test_scores_are_of_the_images_that_have_labels(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = _some(tmp_path / "some", gone=1)
    data = opening.open_dataset(str(root), "val", Task.BINARY)
    assert (len(data), list(data.labelled), data.has_labels) == (4, [1, 2, 3], True)
    with caplog.at_level(logging.WARNING):
        found = [evaluate(Runtime(), data).confusion.sum() for _ in range(2)]
    assert found == [3 * 48 * 64] * 2  # of four images
    assert caplog.text.count("3 of the 4 images of the split 'val'") == 1


def test_target_labels_draw_from_the_labelled_images(tmp_path: Path) -> None:
    data = opening.open_dataset(str(_some(tmp_path / "some", gone=2)), "train", Task.BINARY)
    assert (len(data), list(data.labelled)) == (5, [2, 3, 4])
    for seed in range(6):
        chosen = few_labels.choose(data, 2, seed, "some")
        assert {*chosen.chosen} <= {2, 3, 4} and all(chosen.label(i).any() for i in (0, 1))
    assert len(few_labels.choose(data, "all", 0, "some")) == 3
    with pytest.raises(UsageError, match="3 training images with labels: give at most 3"):
        few_labels.choose(data, 4, 0, "some")


def test_a_check_warns_and_a_source_is_refused(tmp_path: Path) -> None:
    root = _some(tmp_path / "some", gone=1)
    report = check(str(root), Task.BINARY)
    assert report.ok and report.splits["val"].labelled == 3
    told = {each.split: each.problem for each in report.warnings}
    assert "1 of 4 images have no label" in told["val"]
    data = opening.open_dataset(str(root), "train", Task.BINARY)
    with pytest.raises(DataError, match=rf"have no label \({data.name(0)}\), and a source needs"):
        opening.require_labels(data, "some")
    opening.require_labels(opening.open_dataset("taco-synth", "train", Task.BINARY), "taco-synth")


def test_a_score_without_labels_is_refused_in_one_line(tmp_path: Path) -> None:
    root = make_masks(tmp_path / "none", TOML, labels=False)
    with pytest.raises(DataError, match="has no labels in its split 'val', so nothing can be"):
        networks.evaluate(Runtime(), data=str(root))
    assert np.array_equal(opening.open_dataset(str(root), "val", Task.BINARY).labelled, [])


def test_a_source_without_any_label_is_one_line(tmp_path: Path) -> None:
    make_masks(tmp_path / "bare", "splits = {val = 0.4}\n", labels=False)
    data = opening.open_dataset("bare", "train", Task.BINARY, tmp_path)
    with pytest.raises(DataError, match=r"bare has no labels in its split 'train'.*add them, or"):
        opening.require_labels(data, "bare")
