"""Results on disk, those of version 0.1 included, and runs that others start from."""

import json
from pathlib import Path

import pytest

from dagen.errors import DagenError
from dagen.runs import results
from dagen.runs.results import RunResult, located

PUBLISHED = Path(__file__).parents[2] / "benchmarks" / "results"


def test_init_is_a_path_or_names_a_finished_run(tmp_path: Path) -> None:
    assert located(None, tmp_path) is None
    assert located("some/model.safetensors", tmp_path) == "some/model.safetensors"
    with pytest.raises(DagenError, match="run:first: there is no finished run"):
        located("run:first", tmp_path)
    (tmp_path / "first").mkdir()
    RunResult("first", tmp_path / "first", {}, {}, {}, 1.0).save()
    assert located("run:first", tmp_path) == str(tmp_path / "first" / "model.safetensors")


@pytest.mark.parametrize("file", ["baselines", "real", "screen"])
def test_results_of_version_0_1_are_read_and_kept(file: str, tmp_path: Path) -> None:
    for line in (PUBLISHED / f"{file}.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        folder = tmp_path / record["run"]
        folder.mkdir()
        shared = ("config", "scores", "profile", "seconds", "extra")
        old = {"name": record["run"], "folder": None, **{key: record[key] for key in shared}}
        (folder / "result.json").write_text(json.dumps(old))
        result = results.load(folder)
        assert result is not None and result.baseline is None  # 0.1 did not name it
        assert (result.selection is None) == ("selection" not in old["extra"])
        assert (result.stream is None) == ("stream" not in old["extra"])
        result.save()
        assert json.loads((folder / "result.json").read_text()) == old
