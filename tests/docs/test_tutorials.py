"""The tutorials are true: their commands and their files are run as they are printed."""

import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from dagen import plugins
from dagen.cli import app
from dagen.datasets.own.declaration import Declaration
from dagen.types import Batch
from tests import own
from tests.toy import ToyNetwork, batch, setting, stacked

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
QUICK = shlex.split(
    "--steps 2 --size 32x64 --batch 2 --candidates 1 --workers 0 --device cpu --no-track --quiet"
)


def blocks(page: str, language: str) -> list[str]:
    text = (TUTORIALS / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(page: str) -> list[list[str]]:
    """Every ``$ dagen ...`` of a page, as words."""
    lines = "".join(blocks(page, "console")).splitlines()
    return [shlex.split(line)[2:] for line in lines if line.startswith("$ dagen ")]


def unfolded(words: list[str], home: Path) -> list[str]:
    """What a shell would make of them: ``~`` and patterns."""
    words = [word.replace("~", str(home)) for word in words]
    return [
        name
        for word in words
        for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])
    ]


def test_own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own.make_masks(tmp_path / "mybelt", "", count=20)
    (tmp_path / "mybelt" / "drawn").rename(tmp_path / "mybelt" / "labels")
    own.make_masks(tmp_path / "site2", "", labels=False)
    for folder in ("mybelt", "site2"):
        (tmp_path / folder / "dagen.toml").unlink()
    monkeypatch.chdir(tmp_path)
    given = commands("your-data.md")
    assert [words[0] for words in given] == [
        "data", "data", "data", "data", "adapt", "adapt", "predict", "evaluate", "adapt",
    ]  # fmt: skip
    edited, colours, shards = blocks("your-data.md", "toml")
    assert Declaration(kind="folder", **tomllib.loads(colours)).by_colour
    assert Declaration(**tomllib.loads(shards)).shards
    outputs = []
    for k, words in enumerate(given):
        words = unfolded(words, tmp_path)
        quick = QUICK if words[0] == "adapt" else []
        result = CliRunner().invoke(app, [*words, *quick], catch_exceptions=False)
        assert result.exit_code == 0, (words, result.output)
        outputs.append(result.output)
        if k == 1:  # what was written is what the page shows, but for the names of the classes
            written = tomllib.loads((tmp_path / "mybelt" / "dagen.toml").read_text())
            shown = tomllib.loads(edited)
            assert {*written.pop("ids")} == {*shown.pop("ids")} and written == shown
            (tmp_path / "mybelt" / "dagen.toml").write_text(edited)
    adapted = outputs[4]
    assert "foreground IoU" in adapted and "waste" not in adapted
    assert "bag" in adapted and "of the pixels of 1 image of ./site2 another class" in adapted
    (first,) = Path("runs").glob("mybelt-site2-*colour-transfer*")
    assert len([*first.glob("predictions-site2-*.png")]) == 1
    assert len(list(Path("marked").iterdir())) == 10  # a mask and an overlay of each picture


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The strategy's tutorial as an installed package: its file and its entry points."""
    (project,) = [tomllib.loads(text)["project"] for text in blocks("a-strategy.md", "toml")]
    shutil.copy(TUTORIALS / "bnm.py", tmp_path / "bnm.py")
    info = tmp_path / "my_strategies-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = project["entry-points"]["dagen.methods"]
    lines = [f"{name} = {value}" for name, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[dagen.methods]", *lines, ""]))
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins._outside.cache_clear()
    yield
    plugins._outside.cache_clear()
    plugins.get.cache_clear()


@pytest.mark.usefixtures("package")
def test_the_strategy_is_a_plugin_that_trains() -> None:
    assert "bnm" in plugins.names("methods")
    stack = stacked(ToyNetwork(2), ["bnm"], {"bnm": {"weight": 0.5}}, setting(), "target").train()
    assert stack.declared.streams == {"source", "target"}  # its own, and the supervised part's
    losses, metrics = stack(batch(), 0)
    losses["bnm/norm"].backward()
    assert stack.student.stem[0].weight.grad.abs().sum() > 0

    # The formula again, slowly: every pixel is drawn, so that the order does not matter.
    student = stack.student
    p = student(batch().target.image).logits.softmax(1)
    rows = torch.stack([p[i, :, y, x] for i in range(2) for y in range(8) for x in range(8)])
    norm = torch.linalg.svdvals(rows).sum() / len(rows)
    assert metrics["bnm/norm"].item() == pytest.approx(norm.item(), abs=1e-5)
    assert losses["bnm/norm"].item() == pytest.approx(-0.5 * norm.item(), abs=1e-5)


@pytest.mark.usefixtures("package")
def test_the_strategy_reads_no_source_of_its_own() -> None:
    method = plugins.get("methods", "bnm")
    assert method.streams == {"target"}
    stack = stacked(ToyNetwork(2), ["bnm"], {}, setting(), "target")
    both = batch()
    torch.manual_seed(0)
    first, _ = stack(Batch(both.source, both.target), 3)
    again, _ = stack(Batch(both.source, both.target), 3)
    assert torch.equal(first["bnm/norm"], again["bnm/norm"])  # draws depend on the step alone
