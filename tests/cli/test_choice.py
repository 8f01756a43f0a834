from pathlib import Path

import pytest
from typer.testing import CliRunner

from dagen import cli, plugins
from dagen.cli._choice import choice_table
from dagen.runs.findings import read_findings
from dagen.runs.results import RunResult

PICK = {"step": 40, "value": 0.25, "waste_iou": 0.31, "foreground_miou": 0.11, "regret": 0.042}


def result(task: str = "binary", **selection: object) -> RunResult:
    told = {
        "select": "snd", "step": 40, "scored_on": "taco", "forwards_per_candidate": 160,
        "not_applicable": {"dev": "step 40: source and target do not overlap."}, **selection,
    }  # fmt: skip
    picks = {"last": {**PICK, "value": 40.0}, "snd": PICK}
    found = read_findings({"validators": picks, "candidates": [], "selection": told})
    return RunResult("x", Path(), {"task": task}, {}, {}, 1.0, **found)


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    choice_table(result())
    out = capsys.readouterr().out
    for word in ("taco val", "validator", "regret", "snd", "0.2500", "31.0", "4.2", "160 images"):
        assert word in out
    assert "dev does not apply" in out and "Deployed: step 40, chosen by snd." in out
    assert "foreground" not in out
    choice_table(result("material"))
    assert "foreground mIoU" in capsys.readouterr().out


def test_without_target_labels_or_candidates(capsys: pytest.CaptureFixture[str]) -> None:
    choice_table(result(scored_on=None))
    out = capsys.readouterr().out
    assert "snd" in out and "regret" not in out and "31.0" not in out
    choice_table(RunResult("x", Path(), {"task": "binary"}, {}, {}, 1.0))
    assert capsys.readouterr().out == ""


def test_list_validators() -> None:
    found = CliRunner().invoke(cli.app, ["list", "validators"])
    assert found.exit_code == 0
    flat = found.stdout.replace("\n", "")
    assert all(name.split("-")[0] in flat for name in plugins.names("validators"))


def test_select_is_checked_before_anything_runs(tmp_path: Path) -> None:
    for command in (["train"], ["adapt", "--tgt", "taco", "--method", "advent"]):
        args = [*command, "--select", "sndd", "--runs", str(tmp_path / "runs")]
        found = CliRunner().invoke(cli.app, args)
        assert found.exit_code != 0
        assert "did you mean 'snd'" in str(found.exception)
    assert not (tmp_path / "runs").exists()
