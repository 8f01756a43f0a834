"""To the Hub and back: the same network, with a card that says what it is."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub import errors

import dagen
from dagen import cli
from dagen.deploy.hub import pulling, pushing
from dagen.deploy.hub.names import SHIPPED, is_repository, shipped
from dagen.engine.run import run
from dagen.errors import DagenError, UsageError
from dagen.runs.config import from_mapping
from dagen.runs.results import RunResult
from dagen.runs.runtime import Runtime
from tests import tiny
from tests.deploy.conftest import photograph
from tests.deploy.hub.fake import FakeHub, put

SETTINGS = {
    "src": "resortit", "tgt": "taco", "method": "minent", "model": "toy", "task": "binary",
    "size": "32x48", "steps": 2, "batch": 2, "warmup": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, toys: None) -> RunResult:
    root = tmp_path_factory.mktemp("all")
    tiny.make_resortit(root / "data", train=4, val=2)
    tiny.make_taco(root / "data", train=4, val=2)
    runtime = Runtime(
        runs=root / "runs", data_root=root / "data", device="cpu", workers=0, track=False,
        quiet=True,
    )  # fmt: skip
    return run(from_mapping(SETTINGS), runtime)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    return put(monkeypatch, tmp_path)


def push(trained: RunResult, **given: Any) -> Any:
    data = trained.folder.parents[1] / "data"
    return dagen.push(trained.folder, "me/litter", licence="MIT", data_root=data, **given)


def test_a_name_and_a_path_behave_alike(
    trained: RunResult, hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = push(trained)
    assert found.address.endswith("me/litter") and not hub.private
    assert found.files == ("README.md", "model.onnx", "model.safetensors")
    image = photograph(40, 70)
    ours, theirs = (dagen.predict(each, image) for each in (trained.model, "me/litter"))
    assert np.array_equal(ours.probabilities, theirs.probabilities)
    assert dagen.profile("me/litter").parameters == trained.profile["parameters"]
    # Where there is no torch, the exported file is the one to load.
    monkeypatch.setattr(pulling, "_has_torch", lambda: False)
    assert dagen.pull("me/litter", tmp_path / "own") == tmp_path / "own" / "model.onnx"
    assert (tmp_path / "own" / "README.md").is_file()
    np.testing.assert_allclose(
        dagen.predict("me/litter", image).probabilities, ours.probabilities, atol=1e-4
    )


def test_the_card(trained: RunResult, hub: FakeHub) -> None:
    found = push(trained, notes="Tried on a **beach**.", int8=True, private=True)
    card = (hub.root / "me" / "litter" / "README.md").read_text()
    assert card == found.card and hub.private == {"me/litter"}
    assert "model-int8.onnx" in found.files and "| `model-int8.onnx` |" in card
    assert card.startswith("---\nlicense: mit\n") and "pipeline_tag: image-segmentation" in card
    score = 100 * trained.scores["taco"]["waste_iou"]
    assert f"- taco: waste IoU {score:.1f}" in card and "points of agreement with float32" in card
    assert "- resortit: BSD" in card and "CC BY 4.0" in card and "ODbL" in card
    assert "adapted to taco (minent) without labels" in card
    for part in ("## Limits", "## Must not be used for", "## Notes\n\nTried on a **beach**."):
        assert part in card
    other = push_with(trained, "me/other", "Company Licence 1.0")
    assert 'license: other\nlicense_name: "Company Licence 1.0"' in other.card


def push_with(trained: RunResult, name: str, licence: str) -> Any:
    data = trained.folder.parents[1] / "data"
    return dagen.push(trained.model, name, licence=licence, data_root=data)


def test_scores_of_other_weights_do_not_count(
    trained: RunResult, hub: FakeHub, tmp_path: Path
) -> None:
    copy = tmp_path / "alone.safetensors"
    copy.write_bytes(trained.model.read_bytes())
    data = trained.folder.parents[1] / "data"
    card = dagen.push(copy, "me/alone", licence="MIT", data_root=data).card
    assert "No scores came with this network" in card


def test_a_push_ends_in_one_line_before_it_exports(
    trained: RunResult, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "export", lambda *given, **more: pytest.fail("it exports first"))
    for failure, said in (
        (errors.HTTPError("[Errno -2] Name or service not known"), "check the network connection"),
        (errors.LocalTokenNotFoundError("no token"), "log in with `hf auth login`"),
    ):
        hub.failure = failure
        with pytest.raises(DagenError, match=said):
            push(trained)


def test_what_comes_with_dagen_is_pulled_without_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling, "client", lambda: pytest.fail("it asks the Hub"))
    assert dagen.pull(SHIPPED) == shipped()
    found = dagen.pull(SHIPPED, tmp_path / "own")
    assert found.parent == tmp_path / "own" and found.read_bytes() == shipped().read_bytes()


def test_wrong_names_and_a_hub_that_has_nothing(
    trained: RunResult, hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="give USER/NAME"):
        push_with(trained, "litter", "MIT")
    with pytest.raises(UsageError, match="needs a licence"):
        push_with(trained, "me/litter", " ")
    with pytest.raises(DagenError, match="me/nothing is not on the Hub"):
        dagen.load("me/nothing")
    push(trained)
    with pytest.raises(DagenError, match="cannot be reached"):
        dagen.pull("me/litter", revision="v9")
    (hub.root / "me" / "empty").mkdir()
    with pytest.raises(DagenError, match=r"neither model\.safetensors nor model\.onnx"):
        dagen.load("me/empty")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    assert is_repository("me/litter") and not is_repository("runs/litter")
    for path in ("net.onnx", "a/b.safetensors", "a/b/c", "../b", "/a", "a/..", "a b/c"):
        assert not is_repository(path)


def test_the_package_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UsageError, match=r"pip install 'dagen\[hub\]'"):
        dagen.load("me/litter")


def test_the_commands(
    trained: RunResult, hub: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    notes = tmp_path / "notes.md"
    notes.write_text("By the sea.")
    data = trained.folder.parents[1] / "data"
    for command, told in (
        (["push", str(trained.model), "me/litter", "--licence", "MIT", "--notes", str(notes),
          "--data-root", str(data)], "https://huggingface.co/me/litter"),
        (["pull", "me/litter", "--out", str(tmp_path / "here")], "model.safetensors"),
    ):  # fmt: skip
        monkeypatch.setattr("sys.argv", ["dagen", *command])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, _ = capsys.readouterr()
        assert ended.value.code == 0 and told in out
    assert "By the sea." in (tmp_path / "here" / "README.md").read_text()


def test_the_errors_are_there_in_a_process_that_imports_nothing_else() -> None:
    told = "from dagen.deploy.hub.client import client; print(client().errors.GatedRepoError)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True)
    assert done.returncode == 0 and "GatedRepoError" in done.stdout, done.stderr
