from pathlib import Path

import pytest
from typer.testing import CliRunner

from dagen.cli import app
from dagen.datasets.maps.teachers import known
from dagen.errors import UsageError
from dagen.models.layers.pretrained import EFFICIENTNET_LITE0
from tests import tiny
from tests.teachers import write_onnx


def _said(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_list_says_what_a_teacher_is_and_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(known.VARIABLE, str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    said = _said("teacher", "list")
    assert "u2netp" in said and "4,574,861 bytes" in said and "DUTS-TR" in said
    assert "dagen teacher get u2netp" in said and "salience" in said


def test_show_flags_photographs(tmp_path: Path) -> None:
    tiny.make_taco(tmp_path / "data", train=3, val=1)
    path = write_onnx(tmp_path / "bright.onnx", side=32)
    said = _said(
        "teacher", "show", "taco", "--maps", str(path), "--data-root", str(tmp_path / "data"),
        "--out", str(tmp_path / "out"), "-q",
    )  # fmt: skip
    assert "of the pixels of 3 photographs" in said and "doubtful" in said
    assert (tmp_path / "out" / "maps-01.png").is_file()


@pytest.mark.skipif(EFFICIENTNET_LITE0.find() is None, reason="no ImageNet weights")
def test_show_draws_names_that_are_learnt_from_a_source(tmp_path: Path) -> None:
    tiny.make_taco(tmp_path / "data", train=3, val=1)
    tiny.make_resortit(tmp_path / "data", train=4, val=1)
    path = write_onnx(tmp_path / "bright.onnx", side=32)
    file = tmp_path / "run.toml"
    file.write_text('[teacher.words]\nbottle = ["water bottle"]\n')
    asked = (
        "teacher", "show", "taco", "--maps", f"named:{path}", "--task", "material",
        "--data-root", str(tmp_path / "data"), "--out", str(tmp_path / "out"), "-q",
    )  # fmt: skip
    for more in ([], ["--words", str(file)]):
        said = _said(*asked, "--src", "resortit", *more)
        assert "of the pixels of 3 photographs" in said
    assert (tmp_path / "out" / "maps-01.png").is_file()
    without = CliRunner().invoke(app, list(asked))
    assert isinstance(without.exception, UsageError) and "--src" in str(without.exception)
    file.write_text('[teacher]\nmaps = "u2netp"\n')
    wrong = CliRunner().invoke(app, [*asked, "--src", "resortit", "--words", str(file)])
    assert isinstance(wrong.exception, UsageError) and "[teacher.words]" in str(wrong.exception)
