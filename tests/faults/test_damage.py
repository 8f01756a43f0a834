"""Damage to every file of a finished run: the right value, the file made again, or one line."""

import json
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults import forked
from tests.faults.home import TRACKED, Command, Home
from tests.faults.ledger import Ledger
from tests.faults.traces import difference, traces

RUN = "resortit-taco-*"
READERS = {
    "model.safetensors": ("again", "predict", "report", "ui"),
    "result.json": ("again", "report"),
    "log.jsonl": ("report", "ui", "unfinished"),
    "delivered.json": ("again", "ui", "unfinished"),
    "config.json": ("again", "report"),
    "data.json": ("again", "unfinished"),
    "target_labels.txt": ("again", "report"),
    "predictions-taco.png": ("report", "ui"),
    "candidates/00000002.safetensors": ("predict", "unfinished"),
    "candidates/00000004.batch-norm.safetensors": ("unfinished",),
    "../mlflow.db": ("ui", "report"),
}
"""The files of a run, and the commands that read them."""
REMADE = ("result.json", "model.safetensors")
"""Files that a command makes again where it succeeds."""


def damages(content: bytes, seed: str) -> Iterator[tuple[str, bytes | None]]:
    """A file's content, damaged in the ways of disks, programs and people; None is a folder."""
    draw = random.Random(seed)
    yield from (("empty", b""), ("cut", content[: len(content) // 2]), ("a folder", None))
    yield from (("another's", b'{"name": "x"}\n'), ("zeros", bytes(len(content))))
    for _ in range(4):
        changed = bytearray(content)
        at, bit = draw.randrange(len(content)), draw.randrange(8)
        changed[at] ^= 1 << bit
        yield f"bit {bit} of byte {at}", bytes(changed)
    digits = [at for at, byte in enumerate(content) if byte in b"0123456789"]
    for at in draw.sample(digits, 4) if content.isascii() and len(digits) > 4 else ():
        other = b"0123456789"[(content[at] - 48 + draw.randrange(1, 10)) % 10]
        yield f"digit at byte {at}", content[:at] + bytes([other]) + content[at + 1 :]
    if content.startswith(b"{") and b"\n{" not in content:
        newer = {**json.loads(content), "format": 99}
        yield "newer", json.dumps(newer).encode()


@pytest.fixture(scope="module")
def finished(home: Home, store: Command) -> Path:
    """A finished run beside its baseline, both in MLflow."""
    return home.undisturbed(Command("tracked run", TRACKED, store.whole)).whole


class Reader:
    """A command that reads a run's files, and what it makes of them."""

    def __init__(self, home: Home, name: str) -> None:
        self.home, self.name = home, name

    def __call__(self, runs: Path, file: str) -> tuple[forked.Ending, object]:
        """The command's ending, and what it has read, in a form that can be compared."""
        run, out = next(runs.glob(RUN)), self.home.scratch()
        if self.name == "unfinished":
            (run / "result.json").unlink()
            (run / "model.safetensors").unlink()
        log = out / "output.txt"
        ending = forked.fork(self._body(runs, run, run / file, out), log)
        log.unlink()
        if ending.code != 0:
            return ending, None
        if self.name in ("again", "unfinished"):
            found: object = traces(runs, "/" if file in REMADE else file)
        elif self.name == "ui":
            found = traces(runs, file).get("mlflow.db")
        else:
            found = {path.name: path.read_bytes().replace(str(runs).encode(), b"RUNS")
                     for path in sorted(out.rglob("*")) if path.is_file()}  # fmt: skip
        return ending, found

    def _body(self, runs: Path, run: Path, file: Path, out: Path) -> Callable[[], int | None]:
        data = ["--data-root", str(self.home.data)]
        model = file if file.suffix == ".safetensors" else run / "model.safetensors"
        picture = next((self.home.data / "taco").rglob("*.jpg"))
        if self.name == "ui":
            return lambda: _ui(runs)
        return forked.dagen({
            "again": [*TRACKED, "--runs", str(runs), *data],
            "unfinished": [*TRACKED, "--runs", str(runs), *data],
            "report": ["report", run.name, "--runs", str(runs), "--no-track",
                       "--out", str(out / "page.html")],
            "predict": ["predict", str(model), str(picture), "--out", str(out / "p"), "--quiet"],
        }[self.name])  # fmt: skip


def _ui(runs: Path) -> int:
    """What ``dagen ui`` does before it starts the server."""
    from dagen.errors import DagenError
    from dagen.tracking.delivery import deliver_pending
    from dagen.tracking.view import prepare

    try:
        deliver_pending(runs)
        prepare(runs)
    except DagenError as error:
        print(f"dagen: {error}")
        return error.exit_code
    return 0


def damage(path: Path, content: bytes | None) -> None:
    path.unlink()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)


def judge(home: Home, ledger: Ledger, file: str, finished: Path, names: Sequence[str]) -> None:
    """Damage one file in each way, and let each command read it."""
    content = (next(finished.glob(RUN)) / file).read_bytes()
    for name in names:
        reader = Reader(home, name)
        whole = home.scratch() / "runs"
        shutil.copytree(finished, whole)
        ending, expected = reader(whole, file)
        assert ending.code == 0, ending.text
        for how, changed in damages(content, file):
            runs = home.scratch() / "runs"
            shutil.copytree(finished, runs)
            damage(next(runs.glob(RUN)) / file, changed)
            ending, found = reader(runs, file)
            loss = ending.fault
            if loss is None and ending.code not in (0, 1, 2):
                loss = f"exit code {ending.code}: {ending.text[-500:]}"
            silent = Path(file).name not in ending.text
            if loss is None and ending.code == 0 and silent and found != expected:
                loss = f"another value without a word: {difference(found, expected)}"
            ledger.add(f"damage: {file.removeprefix('../')}", loss and f"{how}, {name}: {loss}")
            shutil.rmtree(runs.parent)


@pytest.mark.whole
@pytest.mark.parametrize("file", READERS)
def test_damage(file: str, home: Home, finished: Path, ledger: Ledger) -> None:
    judge(home, ledger, file, finished, READERS[file])
