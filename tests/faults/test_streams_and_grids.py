"""Runs over a stream of images, and grids of runs, that are killed and resumed."""

from pathlib import Path

import pytest

from tests.faults.home import BASE, Command, Home
from tests.faults.ledger import Ledger
from tests.faults.moments import strikes

GRID = """
title = "A grid"
[base]
src = "resortit"
tgt = "taco"
model = "enet"
task = "binary"
width = 0.25
size = [32, 64]
steps = 2
warmup = 1
batch = 2
[grid]
seed = [0, 1]
[[row]]
name = "source-only"
tgt = "none"
[[row]]
name = "minent"
method = "minent"
"""
TENT = (
    "adapt", "--src", "resortit", "--tgt", "taco", "--method", "tent", "--batch", "1", "--no-track",
    "--device", "cpu", "--quiet",
)  # fmt: skip


@pytest.mark.whole
@pytest.mark.parametrize("kind", ["stream", "saving", "scoring", "files"])
def test_a_killed_stream(kind: str, home: Home, ledger: Ledger) -> None:
    trained = home.undisturbed(
        Command("train", ("train", "--src", "resortit", *BASE, "--no-track"))
    )
    model = next(trained.whole.glob("*/model.safetensors"))
    tent = home.undisturbed(Command("tent", (*TENT, "--init", str(model))))
    for strike in strikes(kind, home.counts(tent)[kind], 6):
        home.strike(ledger, f"kill: {kind}, test-time", tent, [strike])


@pytest.mark.whole
@pytest.mark.parametrize("kind", ["grid", "files", "training"])
def test_a_killed_grid(kind: str, home: Home, ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "grid.toml"
    file.write_text(GRID)
    arguments = ("benchmark", str(file), "--out", "{runs}/results", "--no-track", "--device", "cpu",
                 "--workers", "0", "--quiet")  # fmt: skip
    grid = home.undisturbed(Command("grid", arguments))
    for strike in strikes(kind, home.counts(grid)[kind], 8):
        home.strike(ledger, f"kill: {kind}, grid", grid, [strike])
