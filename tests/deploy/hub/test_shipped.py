"""The network that comes with dagen: small, described, and used where none is named."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import dagen
from dagen import cli
from dagen.deploy.hub import names
from dagen.deploy.hub.model_card import data_section
from dagen.errors import DagenError
from tests.deploy.conftest import photograph

CHECKOUT = Path(__file__).parents[3]


def command(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["dagen", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_it_is_small_and_says_what_it_is() -> None:
    file = names.shipped()
    assert file.stat().st_size <= 1_000_000
    network = dagen.load(names.SHIPPED)
    assert network.task.classes == ("background", "waste") and network.bytes == file.stat().st_size
    facts = network.runtime.facts  # type: ignore[attr-defined]
    assert facts.precision == "int8" and facts.licence == "Apache-2.0"
    assert (facts.calibration["data"], facts.calibration["split"]) == ("taco", "train")
    card = file.with_suffix(".md").read_text(encoding="utf-8")
    for part in (
        "license: apache-2.0", "ReSORT-IT (BSD)", "CC BY 4.0", "Open Database License",
        "U2-Net-p (Apache-2.0", "## Scores", "## Limits", "## Must not be used for",
        f"{file.stat().st_size:,}",
    ):  # fmt: skip
        assert part in card, part
    script = runpy.run_path(str(CHECKOUT / "scripts" / "make_shipped_network.py"))
    data = data_section(facts.card, script["TERMS"])
    assert f"## Data\n\n{data}\n\n## Scores" in card and "empty_scenes: MIT licence" in data
    before = CHECKOUT / "docs" / "_static" / "try" / "before.onnx"
    assert before.stat().st_size <= 1_000_000


def test_it_finds_litter() -> None:
    """A bright can on gravel is marked, and gravel alone is not."""
    draw = np.random.default_rng(0)
    gravel = draw.normal(105, 18, (240, 320, 1)).repeat(3, 2).clip(0, 255).astype(np.uint8)
    littered = gravel.copy()
    littered[90:150, 120:200] = (220, 30, 40)
    network = dagen.load(names.SHIPPED)
    found = dagen.predict(network, littered).mask
    assert found[95:145, 125:195].mean() > 0.5 and found[:60].mean() < 0.1
    assert dagen.predict(network, gravel).mask.mean() < 0.1


def test_a_picture_alone_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(photograph(60, 80)).save(tmp_path / "photo.png")
    out = tmp_path / "out"
    assert command(
        monkeypatch, "predict", str(tmp_path / "photo.png"), "--out", str(out), "--quiet"
    ) == 0  # fmt: skip
    assert "dagen/waste-int8, which comes with dagen, is used" in capsys.readouterr().err
    with Image.open(out / "photo.png") as mask:
        own = dagen.predict("dagen/waste-int8", photograph(60, 80)).mask
        assert np.array_equal(np.asarray(mask), own)


def test_it_needs_no_torch(tmp_path: Path) -> None:
    Image.fromarray(photograph(60, 80)).save(tmp_path / "photo.png")
    code = (
        "import sys; sys.modules['torch'] = None; import dagen; "
        f"dagen.predict('dagen/waste-int8', {str(tmp_path / 'photo.png')!r}, "
        f"{str(tmp_path / 'out')!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "out" / "photo.png").is_file()


def test_a_network_alone_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(monkeypatch, "predict", "net.onnx") == 2
    assert "net.onnx needs images: dagen predict net.onnx IMAGES." in capsys.readouterr().err


def test_an_installation_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_FILE", "nothing.onnx")
    with pytest.raises(DagenError, match="lacks the network dagen/waste-int8"):
        dagen.load("dagen/waste-int8")
