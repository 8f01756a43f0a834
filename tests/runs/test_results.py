"""Results as files: damaged, from another version, of a run whose model is gone."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dagen.errors import DagenError
from dagen.runs import results
from dagen.runs.config import from_mapping
from dagen.runs.results import FORMAT, DamagedResult, RunResult, located
from dagen.system.sealing import unsealed

PROFILE = {"parameters": 10, "macs": 20, "flops": 40, "bytes": 50}
CONFIG = from_mapping({"tgt": "taco", "method": "advent"}).to_dict()

PUBLISHED = Path(__file__).parents[2] / "benchmarks" / "results"


@pytest.fixture
def finished(tmp_path: Path) -> RunResult:
    """A run with a result and a deployed file."""
    folder = tmp_path / "first"
    folder.mkdir()
    result = RunResult("first", folder, CONFIG, {"taco": {"miou": 0.5}}, PROFILE, 1.0, "ab" * 32)
    result.save()
    result.model.write_bytes(b"weights")
    return result


def changed(result: RunResult, **values: Any) -> Path:
    """``result.json`` with other values; None removes one."""
    path = result.folder / results.FILE
    found = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps({k: v for k, v in found.items() if v is not None}))
    return path


def test_init_is_a_path_or_names_a_finished_run(finished: RunResult, tmp_path: Path) -> None:
    assert located(None, tmp_path) is None
    assert located("some/model.safetensors", tmp_path) == "some/model.safetensors"
    assert located("run:first", tmp_path) == str(tmp_path / "first" / "model.safetensors")
    finished.model.unlink()
    with pytest.raises(DagenError, match="run:first: there is no finished run"):
        located("run:first", tmp_path)


def test_a_result_comes_back_with_its_checksum(finished: RunResult) -> None:
    again = results.load(finished.folder)
    assert again is not None and again.weights == "ab" * 32
    assert again.profile == PROFILE and type(again.profile["parameters"]) is int
    assert again.scores == finished.scores and again.config["method"] == ["advent"]


def test_a_result_says_what_its_network_has_seen(finished: RunResult) -> None:
    assert "seen" not in finished.findings()
    replace(finished, seen=("ImageNet",)).save()
    again = results.load(finished.folder)
    assert again is not None and again.seen == ("ImageNet",)


def test_a_run_without_its_model_is_not_finished(finished: RunResult) -> None:
    finished.model.unlink()
    assert results.load(finished.folder) is None


def test_a_result_of_version_0_1_reads(finished: RunResult) -> None:
    changed(finished, format=None, weights=None, sha256=None)
    again = results.load(finished.folder)
    assert again is not None and again.weights is None and again.seconds == 1.0


def test_a_changed_digit_is_noticed(finished: RunResult) -> None:
    changed(finished, seconds=11.0)
    with pytest.raises(results.DamagedResult, match="differ from their checksum"):
        results.load(finished.folder)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"scores": None}, "scores is missing"),
        ({"scores": {"taco": 3}}, "scores.taco is 3"),
        ({"seconds": "long"}, "seconds is 'long'"),
        ({"profile": {"macs": 1}}, "profile.parameters is missing"),
        ({"config": {"src": "taco"}}, "config.tgt is missing"),
        ({"config": {**CONFIG, "method": "advent"}}, "config.method"),
        ({"config": {**CONFIG, "size": "32x64"}}, "config.size"),
        ({"more": 1}, "more is 1"),
        ({"classes": {"ids": {}, "data": {}}}, "classes.background is missing"),
        ({"classes": {"ids": {"x": "can"}, "background": None, "data": {}}}, "classes.ids"),
        ({"extra": {"baseline": {}}}, "extra.baseline.run is missing"),
        ({"extra": {"stream": {"images": "x", "rows": {}}}}, "extra.stream.images is 'x'"),
        ({"extra": {"selection": 3}}, "it is 3"),
        ({"extra": {"selection": {"select": "last"}}}, "step is missing"),
        ({"format": "two"}, "format is 'two'"),
        ({"name": "x" * 100_000, "seconds": "y" * 100_000}, "seconds is 'yyy"),
    ],
)
def test_a_damaged_result_is_one_line(
    finished: RunResult, values: dict[str, Any], words: str
) -> None:
    path = changed(finished, **values)
    with pytest.raises(DamagedResult) as error:
        results.load(finished.folder)
    text = str(error.value)
    assert words in text and str(path) in text and "run the same command again" in text
    assert "\n" not in text and len(text) < 500
    assert results.intact(finished.folder) is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[]", b"3", b"null", b"[" * 100_000, b"9" * 5000]
)
def test_other_content_is_one_line(finished: RunResult, content: bytes) -> None:
    (finished.folder / results.FILE).write_bytes(content)
    with pytest.raises(DamagedResult, match=r"result\.json is damaged") as error:
        results.load(finished.folder)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_a_result_of_a_newer_version_is_never_made_again(finished: RunResult) -> None:
    changed(finished, format=FORMAT + 1, more="fields")
    for read in (results.load, results.intact):
        with pytest.raises(DagenError, match="Update dagen") as error:
            read(finished.folder)
        assert not isinstance(error.value, DamagedResult)


@pytest.mark.parametrize("file", ["baselines", "real", "screen"])
def test_results_of_version_0_1_are_read_and_kept(file: str, tmp_path: Path) -> None:
    for line in (PUBLISHED / f"{file}.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        folder = tmp_path / record["run"]
        folder.mkdir()
        shared = ("config", "scores", "profile", "seconds", "extra")
        old = {"name": record["run"], "folder": None, **{key: record[key] for key in shared}}
        (folder / "result.json").write_text(json.dumps(old))
        (folder / "model.safetensors").write_bytes(b"weights")
        result = results.load(folder)
        assert result is not None and result.baseline is None  # 0.1 did not name it
        assert (result.selection is None) == ("selection" not in old["extra"])
        assert (result.stream is None) == ("stream" not in old["extra"])
        result.save()
        new = {"format": FORMAT, "weights": None}  # 0.1 had no checksums
        assert unsealed(json.loads((folder / "result.json").read_text())) == {**old, **new}


def test_a_checkpoint_that_was_only_scored_is_not_called_source_only(tmp_path: Path) -> None:
    config = from_mapping({"src": "resortit", "init": "before.safetensors"}).to_dict()
    trained = RunResult("resortit-enet-x", tmp_path, config, {}, {}, 0.0)
    assert trained.title == "source-only"
    assert replace(trained, name="given-enet-material-12345678").title == "before"
