"""Every command on a run whose files are damaged: an exit code and one line, never a traceback."""

import json
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagen import cli
from tests import tiny

SETTINGS = [
    "--method", "minent", "--model", "enet", "--size", "32x64", "--steps", "2", "--batch", "2",
    "--set", "width=0.25", "--candidates", "2", "--set", "warmup=1", "--device", "cpu",
    "--workers", "0", "--no-track", "--quiet",
]  # fmt: skip
ADAPT = ["adapt", "--src", "resortit", "--tgt", "taco", *SETTINGS]
MODEL, RESULT = "model.safetensors", "result.json"
READERS = {
    MODEL: ["report", "evaluate", "predict", "start", "visualize"],
    RESULT: ["report", "again"],
    "log.jsonl": ["report"],
    "config.json": ["again"],
    "candidates/*": ["again"],
}
"""The files of a run, and the commands that read them."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data sets, and a folder ``whole`` with the runs of one command."""
    home = tmp_path_factory.mktemp("home")
    tiny.make_resortit(home / "data", train=4, val=1)
    tiny.make_taco(home / "data", train=4, val=1)
    with pytest.MonkeyPatch.context() as patch:
        call(patch, [*ADAPT, "--runs", str(home / "whole"), "--data-root", str(home / "data")])
    return home


def call(patch: pytest.MonkeyPatch, arguments: list[str]) -> int:
    """The exit code of a command."""
    patch.setattr("sys.argv", ["dagen", *arguments])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def damages(content: bytes, rng: random.Random) -> Iterator[bytes]:
    """A file's content, damaged in the ways of disks, editors and other programs."""
    yield from (b"", b"{}\n", b"[]\n", b"null\n", b"\xff\xfe\n", content[: len(content) // 2])
    yield content + b"more"
    for _ in range(4):
        changed = bytearray(content)
        changed[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        yield bytes(changed)
    try:
        values = json.loads(content)
    except ValueError:
        return
    for key in values:
        yield json.dumps({name: value for name, value in values.items() if name != key}).encode()
        yield json.dumps({**values, key: "x" * 1000}).encode()
        yield json.dumps({**values, key: 7}).encode()
        yield json.dumps({**values, key: {"a": [1]}}).encode()


@pytest.mark.parametrize("name", READERS)
def test_no_command_ends_in_a_traceback(
    name: str,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(home / "whole", runs)
    run = next(runs.glob("resortit-taco-*"))
    file = sorted(run.glob(name))[0]
    content, model, data = file.read_bytes(), str(run / MODEL), ["--data-root", str(home / "data")]
    picture = next((home / "data" / "taco").rglob("*.jpg"))
    commands = {
        "report": ["report", run.name, "--runs", str(runs), "--no-track"],
        "evaluate": ["evaluate", model, "--data", "taco", *data, "--quiet"],
        "predict": ["predict", model, str(picture), "--out", str(tmp_path / "out"), "--quiet"],
        "start": [*ADAPT, "--runs", str(runs), *data, "--init", model],
        "again": [*ADAPT, "--runs", str(runs), *data],
        "visualize": ["visualize", str(run), *data, "--tgt", "nowhere", "--no-track"],
    }
    codes: Counter[int] = Counter()
    for number, damaged in enumerate(damages(content, random.Random(name))):
        for command in READERS[name]:
            if command == "again" and number % 9:
                continue  # it may train or score
            file.write_bytes(damaged)
            if name.startswith("candidates"):
                (run / RESULT).unlink(missing_ok=True)
            codes[code := call(monkeypatch, commands[command])] += 1
            error = capsys.readouterr().err
            assert code in (0, 1, 2), (command, damaged[:100])
            assert "Traceback" not in error
            if code:
                last = error.strip().split("\n")[-1]
                assert last.startswith("dagen: ") and len(last) < 700, last[:1000]
    assert codes[0 if READERS[name] == ["again"] else 1], codes
