"""``dagen visualize`` as a user types it: what is printed and written, and one line on errors."""

import json
from pathlib import Path

import pytest

from dagen import cli
from dagen.errors import DataError
from dagen.runs.history import read_records
from dagen.runs.log import RunLog
from dagen.types import Task
from dagen.visualization import gallery
from tests import tiny
from tests.own import make_masks
from tests.visualization.tiny_survey import deployed

FILES = {
    "map.png", "map.svg", "map.html", "distances.md", "numbers.json", "failure-groups.png",
    "failure-groups.svg", "confusion.png", "confusion.svg", "reliability.png", "reliability.svg",
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cli-visualize")
    tiny.make_resortit(root, train=1, val=2)
    tiny.make_taco(root, train=1, val=2)
    return root


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    deployed(tmp_path / "before" / "model.safetensors", 1)
    deployed(tmp_path / "after" / "model.safetensors", 2, method=["advent"], tgt="taco")
    RunLog.open(tmp_path / "after").metrics({"train/loss": 1.0}, 1)
    return [tmp_path / "before", tmp_path / "after"]


def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *args: object
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["dagen", "visualize", *map(str, args)])
    code = 0
    try:
        cli.main()
    except SystemExit as end:
        code = int(end.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


def test_it_prints_the_distances_and_where_the_pictures_are(
    runs: list[Path],
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    args = [*runs, "--data-root", data, "--points", "80", "--device", "cpu", "--quiet"]
    code, out, err = call(monkeypatch, capsys, *args)
    assert code == 0, err
    for word in ("source-only", "advent", "proxy A-distance", "MMD²", "silhouette by class",
                 "silhouette by domain", "k-NN label transfer", "centroid distance, paper",
                 "change", "map.html", "Added to the log"):  # fmt: skip
        assert word in out
    folder = runs[1] / "visualize"
    names = {path.name for path in folder.iterdir()}
    assert names - {name for name in names if name.startswith("cases-")} == FILES
    assert any(name.startswith("cases-") for name in names)
    numbers = json.loads((folder / "numbers.json").read_text())
    assert [each["title"] for each in numbers["networks"]] == ["source-only", "advent"]
    assert set(numbers["failure_groups"]) == {"scene", "size", "class"}
    assert "80 points, the same 40 pixels" in numbers["caption"]
    # Its own distances went to the run that has a log, and every picture too.
    records = read_records(runs[1])
    logged = {k: v for r in records if r["kind"] == "metrics" for k, v in r["values"].items()}
    assert logged["map/a_distance"] == numbers["networks"][1]["distances"]["a_distance"]
    assert {Path(r["path"]).name for r in records if r["kind"] == "artifact"} == names
    assert not (runs[0] / "log.jsonl").exists()


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--points", "10"], 2, "points is 10; this map needs 40 or more"),
        (["--images", "1"], 2, "images is 1"),
        (["--tgt", "tacco"], 2, "did you mean 'taco'"),
        (["--src", "taco"], 2, "source and target are both taco"),
        (["--split", "vall"], 2, "vall"),
        (["--device", "tpu"], 2, "device"),
        (["--data-root", "nowhere"], 1, "resortit"),
    ],
)
def test_bad_input_is_one_line(
    runs: list[Path],
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    args: list[str],
    code: int,
    message: str,
) -> None:
    base = [*runs, "--data-root", data, "--quiet"]
    found, _, err = call(monkeypatch, capsys, *base, *args)
    lines = [line for line in err.splitlines() if line.startswith("dagen:")]
    assert found == code and len(lines) == 1 and message in lines[0], err
    assert not (runs[1] / "visualize").exists()


def test_networks_that_cannot_share_a_map_are_named(
    runs: list[Path],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wide = deployed(tmp_path / "wide" / "model.safetensors", 0, width=1.0)
    for args, message in (
        ([runs[0], wide, "--tgt", "taco"], "channels"),
        ([runs[0]], "give --tgt"),
        ([tmp_path], "has no model.safetensors"),
        ([tmp_path / "none.safetensors", "--tgt", "taco"], "is not a file"),
    ):
        code, _, err = call(monkeypatch, capsys, *args, "--data-root", data, "--quiet")
        assert code != 0 and message in err and "Traceback" not in err


def test_of_a_target_without_labels_the_domains_are_drawn(
    runs: list[Path],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    site = make_masks(tmp_path / "site", "splits = {val = 0.4}\n", labels=False)
    folder = tmp_path / "out"
    folder.mkdir()
    for stale in ("cases-worst.png", "confusion.svg"):
        (folder / stale).write_text("of an earlier call")
    args = ["--tgt", site, "--out", folder, "--data-root", data, "--points", "80", "--quiet"]
    code, out, err = call(monkeypatch, capsys, *runs, *args, "--device", "cpu")
    assert code == 0, err
    (line,) = (line for line in out.splitlines() if "has no labels" in line)
    assert line == (
        f"{site} val has no labels: its points have no class, and there are no figures of errors."
    )
    assert "proxy A-distance" in out and "MMD²" in out and "k-NN label transfer" not in out
    assert {path.name for path in folder.iterdir()} == {
        "map.png", "map.svg", "map.html", "distances.md", "numbers.json",
    }  # fmt: skip
    numbers = json.loads((folder / "numbers.json").read_text())
    assert "80 points, the same 40 pixels in each, of any class, because" in numbers["caption"]
    assert "failure_groups" not in numbers
    for each in numbers["networks"]:
        assert set(each["distances"]) == {"a_distance", "mmd", "silhouette_domain"}
        assert set(each["scores"]) == {"resortit"}
    page = (folder / "map.html").read_text()
    assert '<th scope="row">no label</th>' in page and '"truth":""' in page


def test_of_photographs_alone_all_are_looked_at(data: Path, tmp_path: Path) -> None:
    photographs = make_masks(tmp_path / "site", "", count=3, labels=False) / "photos"
    names = "resortit", str(photographs)
    _, target = gallery._sides(names, "val", Task.MATERIAL, None, data)
    assert target.dataset.split == "train" and len(target.chosen) == 3 and not target.labelled


def test_a_source_without_labels_is_one_line(tmp_path: Path) -> None:
    root = make_masks(tmp_path / "belt", "splits = {val = 0.4}\n", labels=False)
    with pytest.raises(DataError, match=r"belt val has no labels here, and the source needs them"):
        gallery._sides((str(root), "taco-synth"), "val", Task.BINARY, 2, None)
