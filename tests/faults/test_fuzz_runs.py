"""Files of runs that are nearly right: what they say, or one line, and never another network."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import strategies as st
from safetensors.torch import load, save

from dagen.benchmarking.tables import records
from dagen.engine.states import load_state, save_state
from dagen.models.deployed import card
from dagen.models.deployed.file import load_deployed
from dagen.runs import results
from dagen.runs.history import LOG, history
from dagen.system.sealing import checksum
from dagen.tracking.state import STATE, State
from tests.faults.fuzzing import damaged, fuzz, mutated, texts
from tests.faults.ledger import Ledger
from tests.tracking import made


@pytest.fixture
def count(whole: bool) -> int:
    return 1000 if whole else 25


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that nobody trained."""
    runs = tmp_path_factory.mktemp("runs")
    return made.finish(made.config(), runs, track=False).folder


def from_file(path: Path, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def reader(content: bytes) -> object:
        path.write_bytes(content)
        return read(path.parent)

    return reader


def test_networks(folder: Path, tmp_path: Path, ledger: Ledger, count: int) -> None:
    content = (folder / results.MODEL).read_bytes()
    expected, path = load(content), tmp_path / results.MODEL

    def read(changed: bytes) -> None:
        path.write_bytes(changed)
        found, _ = load_deployed(path)
        for name, value in found.deployed().items():
            assert torch.equal(value, expected[name]), f"another {name} is loaded without a word"

    fuzz(ledger, "network", damaged([content]), read, count)


def test_cards(folder: Path, tmp_path: Path, ledger: Ledger, count: int) -> None:
    tensors = load((folder / results.MODEL).read_bytes())
    path = tmp_path / results.MODEL
    known = card.from_text(_metadata(folder / results.MODEL))
    first = json.loads(card.to_text(known, card.digest(tensors)))
    old = {name: first[name] for name in ("model", "task", "size", "width", "options", "run")}

    def read(values: Any) -> None:
        if isinstance(values, dict) and "sha256" in values:  # as if a program had written it
            rest = {name: value for name, value in values.items() if name != "sha256"}
            values = {**rest, "sha256": checksum(rest)}
        path.write_bytes(save(tensors, {card.KEY: json.dumps(values)}))
        load_deployed(path)

    fuzz(ledger, "card", st.one_of(mutated(first), mutated(old)), read, count)


def _metadata(path: Path) -> str:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return str(file.metadata()[card.KEY])


def test_results(folder: Path, tmp_path: Path, ledger: Ledger, count: int) -> None:
    (tmp_path / results.MODEL).write_bytes(b"")
    document = json.loads((folder / results.FILE).read_text())
    read = from_file(tmp_path / results.FILE, results.load)
    fuzz(ledger, "result.json", texts(document), read, count)


def test_logs(folder: Path, tmp_path: Path, ledger: Ledger, count: int) -> None:
    content = (folder / LOG).read_bytes()
    lines = [json.loads(line) for line in content.splitlines()]
    changed = mutated(lines).map(
        lambda found: b"".join(
            json.dumps(line).encode() + b"\n"
            for line in (found if isinstance(found, list) else [found])
        )
    )
    inputs = st.one_of(changed, damaged([content]))
    fuzz(ledger, "log.jsonl", inputs, from_file(tmp_path / LOG, history), count)


def test_deliveries(tmp_path: Path, ledger: Ledger, count: int) -> None:
    state = State("dagen", "a run", "../parent", "ab" * 8, "sqlite:///../mlflow.db", "cd" * 16, "1")
    state.position, state.reached = 500, {"train/loss": 40}
    state.save(tmp_path)
    document = json.loads((tmp_path / STATE).read_text())
    fuzz(ledger, STATE, texts(document), from_file(tmp_path / STATE, State.load), count)


def test_benchmark_records(tmp_path: Path, ledger: Ledger, count: int) -> None:
    here = Path(__file__).parents[2] / "benchmarks" / "results" / "material.jsonl"
    document = json.loads(here.read_text().splitlines()[0])
    path = tmp_path / "grid.jsonl"
    read = from_file(path, lambda _: records.read(path))
    fuzz(ledger, "benchmark records", texts(document).map(lambda line: line + b"\n"), read, count)


def test_states(tmp_path: Path, ledger: Ledger, count: int) -> None:
    save_state(tmp_path, 3, {"step": 3, "stack": {"a": torch.arange(50)}, "optimizers": []})
    path = tmp_path / "state-00000003.pt"
    content = path.read_bytes()

    def read(folder: Path) -> None:
        found = load_state(folder)
        whole = path.read_bytes() == content
        assert (found is not None) == whole

    fuzz(ledger, "state", damaged([content]), from_file(path, read), count)
