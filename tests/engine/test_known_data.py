"""A run knows its data again: other images to learn from are refused, to score on are scored."""

import json
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from dagen.datasets.loading.opening import open_dataset
from dagen.engine import known_data
from dagen.engine.run import run, run_pair
from dagen.errors import DagenError, UsageError
from dagen.runs.config import from_mapping
from dagen.runs.runtime import Runtime
from tests.own import make_masks, make_photos

TOML = 'ids = {"0" = "background", "128" = "can", "255" = "bag"}\nsplits = {val = 0.4}\n'


def _runtime(tmp_path: Path) -> Runtime:
    return Runtime(
        runs=tmp_path / "runs", data_root=tmp_path, device="cpu", workers=0, track=False, quiet=True
    )


def _config(**values: object):  # type: ignore[no-untyped-def]
    return from_mapping({
        "src": "belt", "width": 0.25, "size": [32, 32], "steps": 2, "batch": 2, "warmup": 1,
        **values,
    })  # fmt: skip


def test_labels_that_come_later_are_scored_without_training_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_masks(tmp_path / "belt", TOML)
    make_masks(tmp_path / "site", TOML)
    shutil.move(tmp_path / "site" / "drawn", tmp_path / "kept")
    config = _config(tgt="site", method="minent")
    before = run_pair(config, _runtime(tmp_path))
    assert "site" not in before.adapted.scores and "site" not in before.baseline.scores
    shutil.move(tmp_path / "kept", tmp_path / "site" / "drawn")
    after = run_pair(config, _runtime(tmp_path))
    assert "site val have changed" in caplog.text
    for old, new in ((before.baseline, after.baseline), (before.adapted, after.adapted)):
        assert not new.earlier and new.weights == old.weights and "site" in new.scores
        assert new.scores["belt"] == old.scores["belt"]
    assert run_pair(config, _runtime(tmp_path)).adapted.earlier


def test_other_images_to_learn_from_are_refused(tmp_path: Path) -> None:
    make_masks(tmp_path / "belt", TOML)
    result = run(_config(), _runtime(tmp_path))
    (tmp_path / "belt" / "dagen.toml").write_text(
        (tmp_path / "belt" / "dagen.toml").read_text().replace("val = 0.4", "val = 0.4, seed = 3")
    )
    with pytest.raises(UsageError, match=r"learnt from other data: .* belt have changed since"):
        run(_config(), _runtime(tmp_path))
    assert json.loads((result.folder / known_data.FILE).read_text())["train"].keys() == {"belt"}


def test_a_file_of_another_size_is_other_data_and_another_time_is_not(tmp_path: Path) -> None:
    make_masks(tmp_path / "belt", TOML)
    run(_config(), _runtime(tmp_path))
    pictures = sorted((tmp_path / "belt" / "photos").rglob("*.*"))
    for path in pictures:
        os.utime(path, (1, 1))
    shutil.move(tmp_path / "belt", tmp_path / "moved")
    shutil.copytree(tmp_path / "moved", tmp_path / "belt")
    assert run(_config(), _runtime(tmp_path)).earlier
    for path in pictures:
        Image.effect_noise((40, 40), 90).convert("RGB").save(path)
    with pytest.raises(UsageError, match="--fresh"):
        run(_config(), _runtime(tmp_path))


def test_other_labels_of_the_same_size_are_other_data(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Uncompressed masks, or one digit in an annotation file: the size stays."""
    root = make_masks(tmp_path / "belt", TOML)
    for path in (root / "drawn").iterdir():
        with Image.open(path) as mask:
            mask.save(path.with_suffix(".bmp"))
        path.unlink()
    first = run(_config(), _runtime(tmp_path))
    assert run(_config(), _runtime(tmp_path)).earlier
    scored = open_dataset("belt", "val", _plan(tmp_path).task, tmp_path)
    names = {Path(scored.name(k)).stem for k in range(len(scored))}

    def change(of_scored: bool) -> None:
        for path in (root / "drawn").iterdir():
            if (path.stem in names) == of_scored:
                size = path.stat().st_size
                with Image.open(path) as mask:
                    swapped = mask.point(lambda value: {128: 255, 255: 128}.get(value, value))
                swapped.save(path)
                assert path.stat().st_size == size

    change(of_scored=True)
    again = run(_config(), _runtime(tmp_path))
    assert "belt val have changed" in caplog.text
    assert not again.earlier and again.weights == first.weights and again.scores != first.scores
    change(of_scored=False)
    with pytest.raises(UsageError, match=r"learnt from other data: .* belt have changed since"):
        run(_config(), _runtime(tmp_path))
    # Older versions kept no digest of labels: their runs are still finished.
    path = first.folder / known_data.FILE
    known = json.loads(path.read_text())
    path.write_text(json.dumps({role: known[role] for role in ("train", "val")}))
    assert run(_config(), _runtime(tmp_path)).earlier


def test_a_finished_run_is_read_without_its_data(tmp_path: Path) -> None:
    make_masks(tmp_path / "belt", TOML)
    first = run(_config(), _runtime(tmp_path))
    assert known_data.scores_hold(first.folder, _plan(tmp_path), tmp_path)
    plan = _plan(tmp_path)
    shutil.rmtree(tmp_path / "belt")
    assert known_data.scores_hold(first.folder, plan, tmp_path)


def test_a_damaged_file_of_signatures_is_one_line(tmp_path: Path) -> None:
    make_masks(tmp_path / "belt", TOML)
    first = run(_config(), _runtime(tmp_path))
    path = first.folder / known_data.FILE
    whole = path.read_text()
    digit = next(c for c in whole if c in "12345678")
    for damaged in ("{", whole.replace(digit, "9", 1)):
        path.write_text(damaged)
        with pytest.raises(DagenError, match=r"data\.json is damaged.* remove this file and run"):
            run(_config(), _runtime(tmp_path))
    path.unlink()
    assert run(_config(), _runtime(tmp_path)).scores == first.scores


def _plan(tmp_path: Path):  # type: ignore[no-untyped-def]
    from dagen.runs.plan import plan_run

    return plan_run(_config(), 1, tmp_path)


def test_a_class_that_the_target_lacks_is_left_out_of_its_scores(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_masks(tmp_path / "belt", TOML)
    toml = 'ids = {"0" = "background", "128" = "can"}\nsplits = {val = 0.4}\n'
    make_masks(tmp_path / "only", toml, values=(128,))
    scores = run(_config(tgt="only", method="minent"), _runtime(tmp_path)).scores
    assert "iou/bag" in scores["belt"] and "iou/bag" not in scores["only"]
    assert scores["only"]["foreground_miou"] == scores["only"]["iou/can"]
    assert caplog.text.count("only has no class bag; its scores leave that out.") == 1


def test_a_finished_run_with_a_damaged_model_is_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_masks(tmp_path / "belt", TOML)
    first = run(_config(), _runtime(tmp_path))
    whole = bytearray(first.model.read_bytes())
    whole[-9] ^= 1
    first.model.write_bytes(whole)
    again = run(_config(), _runtime(tmp_path))
    assert "made again now" in caplog.text and not again.earlier
    assert again.weights == first.weights and again.scores == first.scores


def test_other_empty_scenes_are_measured_again(tmp_path: Path) -> None:
    make_masks(tmp_path / "belt", TOML)
    make_photos(tmp_path / "beach", 3)
    first = run(_config(empty="beach"), _runtime(tmp_path))
    assert run(_config(empty="beach"), _runtime(tmp_path)).earlier
    shutil.rmtree(tmp_path / "beach")
    make_photos(tmp_path / "beach", 7)
    again = run(_config(empty="beach"), _runtime(tmp_path))
    assert not again.earlier and again.weights == first.weights
    assert [one.false_alarms and one.false_alarms.images for one in (first, again)] == [2, 4]
