"""Programs as a user starts them, killed from outside when one of their files appears."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.home import ADAPT, STRUCK, TRACKED, Command, Home
from tests.faults.ledger import Ledger

LONGER = tuple("60" if each == "4" else each for each in ADAPT)
MOMENTS = (
    "cache/*/*.npy", "runs/resortit-enet*/config.json", "runs/resortit-enet*/state-*",
    "runs/resortit-enet*/model.safetensors", "runs/resortit-taco*/log.jsonl",
    "runs/resortit-taco*/target_labels.txt", "runs/resortit-taco*/candidates/*30.safetensors",
    "runs/resortit-taco*/state-*50.pt", "runs/resortit-taco*/model.safetensors",
    "runs/resortit-taco*/predictions-taco.png",
)  # fmt: skip
"""Files by whose appearance a program is struck."""
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
LIMITS = (6_000, 20_000, 40_000, 80_000, 100_000, 150_000, 170_000, 1_050_000)
"""Bytes that no file may grow beyond; the output, a file as well, is shorter."""


@pytest.fixture(scope="module")
def longer(home: Home) -> Command:
    return home.undisturbed(Command("longer", LONGER))


def struck(home: Home, runs: Path, moment: str, number: signal.Signals, workers: int) -> str | None:
    """Start the program and strike it; says what is wrong with its end."""
    arguments = [sys.executable, "-m", "dagen", *LONGER, "--runs", str(runs)]
    arguments += ["--data-root", str(home.data), "--workers", str(workers)]
    env = {**os.environ, "DAGEN_CACHE": str(runs.with_name("cache")), "OMP_NUM_THREADS": "1"}
    with (home.folder / "program.txt").open("w+") as output:
        program = subprocess.Popen(
            arguments, stdout=output, stderr=output, env=env, start_new_session=True
        )
        while program.poll() is None and not any(runs.parent.glob(moment)):
            time.sleep(0.001)
        # As a terminal does it, Ctrl-C reaches the loader's processes too.
        (os.killpg if number == signal.SIGINT else os.kill)(program.pid, number)
        code = program.wait(300)
        output.seek(0)
        text = output.read()
    # After kill -9 the loader's orphans may complain that nobody takes their batches.
    if code not in STRUCK or ("Traceback" in text and number != signal.SIGKILL):
        return f"ends with {code}: {text[-1500:]}"
    return None


@pytest.mark.whole
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_programs(number: signal.Signals, home: Home, longer: Command, ledger: Ledger) -> None:
    turn = SIGNALS.index(number)
    for place, moment in enumerate(MOMENTS[turn % 2 :: 2]):
        runs = home.scratch() / "runs"
        workers = place % 2
        loss = struck(home, runs, moment, number, workers) or home.resumed(longer, runs)
        said = f"{moment}, {workers} workers: {loss}"
        ledger.add(f"kill: program, {number.name}", said if loss else None)


@pytest.mark.whole
def test_files_that_may_not_grow(home: Home, store: Command, ledger: Ledger) -> None:
    run = home.undisturbed(Command("tracked run", TRACKED, store.whole))
    for size in LIMITS:
        runs = home.begin(run)

        def small(size: int = size) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        ending = home.call(run, runs, None, prepare=small)
        loss = ending.fault
        if loss is None and ending.code not in (0, 1):
            loss = f"ends with {ending.code}: {ending.text[-500:]}"
        loss = loss or home.delivered(run, runs)
        ledger.add("disk: files of limited size", f"{size} bytes: {loss}" if loss else None)
