"""A light install, ``dagen[camera]``, predicts with exported files, without torch."""

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from PIL import Image

import dagen
from tests.deploy.conftest import photograph
from tests.scoring.video.films import film, played

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
LIGHT = [
    *PROJECT["project"]["dependencies"],
    *PROJECT["project"]["optional-dependencies"]["camera"],
]
# A machine that has only the packages in ALLOWED: every other import fails as if not installed.
SCRIPT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        own = top in sys.stdlib_module_names or top.startswith("_sysconfigdata")
        if not own and top not in {allowed}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)

sys.meta_path.insert(0, Absent())
sys.argv = ["dagen", *sys.argv[1:]]
from dagen.cli import main
main()
"""


def installed(requirements: list[str]) -> set[str]:
    """The modules that a package manager would install for requirements of pyproject.toml."""
    wanted, found = [Requirement(each) for each in requirements], set()
    while wanted:
        name = wanted.pop().name.lower().replace("_", "-")
        if name in found:
            continue
        found.add(name)
        for text in metadata.requires(name) or []:
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                wanted.append(needed)
    owners = metadata.packages_distributions()
    return {
        module
        for module, names in owners.items()
        if any(name.lower().replace("_", "-") in found for name in names)
    }


def light(
    *arguments: str, without: frozenset[str] = frozenset()
) -> subprocess.CompletedProcess[str]:
    allowed = {*installed(LIGHT), "dagen"} - without
    assert not allowed & {"torch", "torchvision", "onnx", "mlflow", "scipy", "safetensors"}
    code = SCRIPT.format(allowed=allowed)
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_light_install_is_small() -> None:
    names = {Requirement(each).name for each in LIGHT}
    assert names == {
        "numpy", "pillow", "opencv-python-headless", "typer", "rich", "onnxruntime", "av",
    }  # fmt: skip


def test_predict_works_with_the_light_install_alone(exported: Path, tmp_path: Path) -> None:
    Image.fromarray(photograph(40, 60)).save(tmp_path / "a.png")
    run = light("predict", str(exported), str(tmp_path / "a.png"), "--out", str(tmp_path / "out"))
    assert run.returncode == 0, run.stderr
    assert "1 image(s) segmented" in run.stdout
    with Image.open(tmp_path / "out" / "a.png") as mask:
        expected = dagen.predict(exported, photograph(40, 60)).mask
        np.testing.assert_array_equal(np.asarray(mask), expected)


def test_a_video_works_with_the_light_install_alone(exported: Path, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 6)
    run = light("predict", str(exported), str(path), "--out", str(tmp_path / "out"))
    assert run.returncode == 0, run.stderr
    assert "6 frame(s)" in run.stdout
    assert len(list((tmp_path / "out" / "a").iterdir())) == 6
    assert len(played(tmp_path / "out" / "a-overlay.mp4")) == 6


def test_without_av_a_video_says_what_to_install(exported: Path, tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 2)
    run = light("predict", str(exported), str(path), without=frozenset({"av"}))
    assert run.returncode == 2 and "pip install 'dagen[camera]'" in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("command", ["predict", "export", "profile"])
def test_what_needs_more_says_what_to_install(command: str, deployed: Path, tmp_path: Path) -> None:
    photo = [str(tmp_path / "a.png")] if command == "predict" else []
    Image.fromarray(photograph(40, 60)).save(tmp_path / "a.png")
    run = light(command, str(deployed), *photo)
    assert run.returncode == 2 and "pip install 'dagen[train]'" in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
