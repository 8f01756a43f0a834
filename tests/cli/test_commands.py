"""The commands as a user types them: what is printed, the exit code, nothing lost."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from dagen import cli
from dagen.models.base import create_network
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import save_deployed
from dagen.types import Task
from tests import tiny

Call = Callable[..., tuple[int, str, str]]

SMALL = [
    "--model", "enet", "--size", "32x64", "--steps", "3", "--batch", "2", "--set", "width=0.25",
    "--device", "cpu", "--workers", "0", "--no-track", "--quiet",
]  # fmt: skip


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "data"
    tiny.make_resortit(root, train=4, val=2)
    tiny.make_taco(root, train=4, val=2)
    monkeypatch.setenv("DAGEN_DATA", str(root))
    monkeypatch.chdir(tmp_path)
    return root


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_deployed(
        path,
        create_network("enet", Task.MATERIAL, 0.25, {}),
        Card("enet", "material", (32, 64), 0.25),
    )
    return path


def dagen(
    *args: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["dagen", *args])
    capsys.readouterr()
    code = 0
    try:
        cli.main()
    except SystemExit as end:
        code = int(end.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    return lambda *args: dagen(*map(str, args), monkeypatch=monkeypatch, capsys=capsys)


def test_adapt_prints_both_runs_and_where_to_look(call: Call, data: Path, tmp_path: Path) -> None:
    args = ["adapt", "--src", "resortit", "--tgt", "taco", "--method", "advent", *SMALL]
    code, out, err = call(*args)
    assert code == 0, err
    for word in ("source-only", "advent", "taco val", "waste IoU", "aluminium", "GMAC", "Images:"):
        assert word in out
    code, again, err = call(*args)
    first, _, rest = again.partition("\n")
    assert code == 0 and rest == out, err
    assert first.startswith("Nothing was run: this run was finished before (20")
    assert "runs/resortit-taco-enet-advent-" in first
    assert first.endswith("Add --fresh to run it anew.")


def test_pretrain_says_how_to_start_from_it(
    call: Call, data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code, out, err = call("pretrain", "--src", "resortit", "--tgt", "taco", *SMALL)
    assert code == 0, err
    start = out.split()[-1]
    assert f"Start from it: --init {start}" in out and "-features-material-s0-" in start
    assert start.startswith("run:")
    words = ["--method", "minent", "--init", start]
    code, _, err = call("adapt", "--src", "resortit", "--tgt", "taco", *words, *SMALL)
    (line,) = [record.getMessage() for record in caplog.records]
    assert code == 0 and line.endswith("all but its head is taken, which starts afresh.")
    code, _, err = call("adapt", "--tgt", "taco", "--method", "features", *SMALL)
    assert code == 2 and "run it with `dagen pretrain`" in err


def test_a_baseline_of_an_earlier_command_is_said_to_be_one(call: Call, data: Path) -> None:
    """Without tracking, no page that compares the runs is named either."""
    args = ["adapt", "--src", "resortit", "--tgt", "taco", *SMALL]
    assert "--no-track" in SMALL
    first, second = (call(*args, "--method", method) for method in ("adabn", "minent"))
    assert first[0] == second[0] == 0, second
    assert "The baseline is of 20" in second[1] and "The baseline is of" not in first[1]
    assert not {word for word in ("Nothing was run", "dagen ui") if word in first[1] + second[1]}


def test_only_a_finished_run_is_said_to_be_one(call: Call, data: Path) -> None:
    args = ["train", "--src", "resortit", *SMALL]
    new, again, fresh = (call(*args, *more) for more in ((), (), ("--fresh",)))
    assert new[0] == again[0] == fresh[0] == 0
    assert again[1].startswith("Nothing was run: this run was finished before (20")
    assert "Nothing was run" not in new[1] + fresh[1]


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["--method", "advnet"], 2, "did you mean 'advent'"),
        (["--lr", "-1"], 2, "lr is -1"),
        (["--set", "stepz=3"], 2, "did you mean 'steps'"),
        (["--size", "224"], 2, "height x width"),
        (["--data-root", "nowhere"], 1, "resortit"),
        (["--device", "tpu9"], 2, "device"),
        (["--batch-norm", "both"], 2, "batch_norm"),
        (["--lr", "1e39"], 2, "lr is 1e+39"),
        (["--workers", "-1"], 2, "workers is -1"),
        (["--runs", "r" * 300], 1, "file name too long; check the path"),
        (["--data-root", "d" * 300], 1, "file name too long; check the path"),
    ],
)
def test_bad_input_is_one_line_and_an_exit_code(
    call, data: Path, args: list[str], code: int, message: str
) -> None:
    base = ["adapt", "--src", "resortit", "--tgt", "taco", *SMALL]
    found, _, err = call(*base, *args)
    assert found == code
    lines = [line for line in err.splitlines() if line.startswith("dagen:")]
    assert len(lines) == 1 and message in lines[0]
    assert "Traceback" not in err


def _break_jpeg(root: Path) -> str:
    victim = sorted((root / "taco" / "data" / "batch_1").iterdir())[1]
    victim.write_bytes(victim.read_bytes()[:200])
    return victim.name


def _other_size(root: Path) -> str:
    victim = sorted((root / "resortit" / "labels" / "train").iterdir())[0]
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(victim)
    return victim.name


def _unknown_id(root: Path) -> str:
    victim = sorted((root / "resortit" / "labels" / "train").iterdir())[0]
    mask = np.array(Image.open(victim))
    mask[0, 0] = 7
    Image.fromarray(mask).save(victim)
    return "7"


def _escape(root: Path) -> str:
    path = root / "taco" / "splits.json"
    splits = json.loads(path.read_text())
    splits["train"][0] = "../../x"
    path.write_text(json.dumps(splits))
    return "../../x"


def _empty_split(root: Path) -> str:
    for image in (root / "resortit" / "train").iterdir():
        image.unlink()
    return "train"


def _sixteen_bits(root: Path) -> str:
    victim = sorted((root / "resortit" / "train").iterdir())[0]
    assert cv2.imwrite(str(victim), np.full((48, 64, 3), 200, np.uint16))
    return victim.name


@pytest.mark.parametrize(
    "damage", [_break_jpeg, _sixteen_bits, _other_size, _unknown_id, _escape, _empty_split]
)
def test_damaged_data_is_one_line_naming_the_file(
    call: Call, data: Path, damage: Callable[[Path], str]
) -> None:
    word = damage(data)
    code, _, err = call("adapt", "--src", "resortit", "--tgt", "taco", "--method", "minent", *SMALL)
    lines = [line for line in err.splitlines() if line.startswith("dagen:")]
    assert code == 1 and len(lines) == 1 and word in lines[0], err
    assert "Traceback" not in err


def test_check_lists_every_defect_at_once(call: Call, data: Path) -> None:
    code, out, _ = call("data", "check", "resortit", "--quiet")
    assert code == 0 and "No defect found" in out
    names = [_other_size(data)]
    victim = sorted((data / "resortit" / "val").iterdir())[0]
    victim.write_bytes(b"no image")
    names.append(victim.name)
    code, out, err = call("data", "check", "resortit", "--quiet")
    assert code == 1 and all(name in out for name in names) and "defect(s)" in err


def test_check_names_every_figure_in_a_narrow_terminal(
    call: Call, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    _, out, _ = call("data", "check", "resortit", "--quiet")
    names = ["images", "labelled", "instances", "smallest", "largest", "background", "aluminium"]
    assert all(name in out for name in names) and "…" not in out


def test_evaluate_prints_json(call: Call, data: Path, model: Path) -> None:
    code, out, err = call("evaluate", model, "--data", "taco", "--json", "--quiet")
    assert code == 0, err
    assert 0 <= json.loads(out)["waste_iou"] <= 1


def test_predict_writes_masks_and_overlays(
    call: Call, data: Path, model: Path, tmp_path: Path
) -> None:
    images = data / "resortit" / "val"
    code, said, err = call("predict", model, images, "--out", tmp_path / "out", "--quiet")
    assert code == 0, err
    for image in images.iterdir():
        mask = Image.open(tmp_path / "out" / f"{image.stem}.png")
        assert mask.mode == "L" and mask.size == Image.open(image).size
        assert np.asarray(mask).max() < 5
        with Image.open(tmp_path / "out" / f"{image.stem}-overlay.jpg") as overlay:
            assert overlay.width == mask.width and overlay.height > mask.height, "a legend"
    assert "images per second (of the busy time, reading" in said
    code, _, err = call("predict", model, tmp_path / "none")
    assert code == 2 and "does not exist" in err
    _sixteen_bits(data)
    images = data / "resortit" / "train"
    code, _, err = call("predict", model, images, "--out", tmp_path / "deep", "--quiet")
    assert code == 1 and "00000.png has 16 bits a channel but no value of" in err


def test_predict_tells_its_objects(call: Call, data: Path, model: Path, tmp_path: Path) -> None:
    images, out = data / "resortit" / "val", tmp_path / "out"
    command = ("predict", model, images, "--out", out, "--quiet", "--objects")
    code, said, err = call(*command, tmp_path / "found" / "objects.json")
    assert code == 0, err
    document = json.loads((tmp_path / "found" / "objects.json").read_text())
    assert [entry["file_name"] for entry in document["images"]] == ["00000.png", "00001.png"]
    by_image = {entry["id"]: 0 for entry in document["images"]}
    for entry in document["annotations"]:
        by_image[entry["image_id"]] += entry["area"]
    for entry in document["images"]:
        mask = np.asarray(Image.open(out / entry["file_name"]))
        assert by_image[entry["id"]] == int((mask > 0).sum())
    count = len(document["annotations"])
    assert count and f"{count} object(s) found" in said
    code, said, err = call(*command, "-", "--min-area", "5")
    features = [json.loads(line) for line in said.splitlines()]
    large = [entry for entry in document["annotations"] if entry["area"] >= 5]
    assert [f["properties"]["area"] for f in features] == [entry["area"] for entry in large]
    assert "object(s) found." in err, "standard output has nothing but features"


def test_profile_enforces_the_cap(call: Call) -> None:
    code, out, _ = call("profile", "enet", "--size", "32x64", "--enforce-cap")
    assert code == 0 and "FLOPs (2 per MAC)" in out
    code, _, err = call("profile", "bisenet-resnet18", "--size", "32x64", "--enforce-cap")
    assert code == 1 and "10,000,000" in err and "width" in err


def test_profile_names_the_size_of_the_network_that_comes_along(call: Call) -> None:
    code, out, _ = call("profile", "dagen/waste-int8", "--threads", "1")
    assert code == 0 and "dagen/waste-int8 at 160x160" in out


def test_predict_with_some_threads(call: Call, tmp_path: Path) -> None:
    image = tmp_path / "image.png"
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(image)
    code, out, err = call(
        "predict", "dagen/waste-int8", image, "--threads", 1, "--out", tmp_path / "out"
    )
    assert code == 0 and "1 image(s) segmented" in out, err
    code, _, err = call("predict", image, "--threads", 0)
    assert code == 2 and err.startswith("dagen: threads is 0; it must be from 1 to 1024")


@pytest.mark.parametrize("what", ["methods", "models", "datasets"])
def test_lists_name_every_plugin(what: str) -> None:
    from dagen import plugins

    found = CliRunner().invoke(cli.app, ["list", what])
    assert found.exit_code == 0
    flat = found.stdout.replace("\n", "")
    for name in plugins.names(what):  # type: ignore[arg-type]
        assert name.split("-")[0] in flat


def test_version() -> None:
    import dagen as package

    assert package.__version__ in CliRunner().invoke(cli.app, ["--version"]).stdout


def test_evaluate_leads_with_the_headline_and_explains_the_calibration_error(
    call: Call, data: Path, model: Path
) -> None:
    code, out, _ = call("evaluate", model, "--data", "taco", "--quiet")
    assert code == 0
    assert 0 < out.index("waste IoU") < out.index("mIoU", out.index("waste IoU"))
    assert "ECE" in out and "how sure the network is of a pixel and how often it is right" in out


@pytest.mark.parametrize(
    "words",
    [
        ["{}"], ["--{}"], ["train", "--{}"], ["train", "{}", "{}"], ["list", "{}"],
        ["data", "check", "x", "--{}"], ["train", "--steps", "{}"],
        ["benchmark", "x", "--jobs", "{}"],
    ],
)  # fmt: skip
def test_the_parsers_own_messages_are_cut(words: list[str]) -> None:
    given = "x" * 20_000
    found = CliRunner().invoke(cli.app, [word.format(given) for word in words])
    assert found.exit_code == 2 and len(found.output) < 3000
