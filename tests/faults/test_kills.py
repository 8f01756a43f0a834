"""Runs that are struck at every kind of moment, and resumed: the same files to the bit."""

import errno
import signal

import pytest

from tests.faults.home import Command, Home
from tests.faults.ledger import Ledger
from tests.faults.moments import REFUSALS, Strike, strikes

CHAIN = (
    Strike("files", 6, signal.SIGKILL),
    Strike("cache", 3, signal.SIGTERM),
    Strike("log", 9, signal.SIGINT),
    Strike("training", 5, signal.SIGKILL),
    Strike("saving", 2, signal.SIGKILL),
    Strike("files", 30, errno.ENOSPC),
    Strike("choosing", 6, signal.SIGTERM),
    Strike("scoring", 9, signal.SIGKILL),
)
"""In the order in which a run comes to these moments."""
KINDS = ("files", "cache", "log", "training", "saving", "choosing", "scoring")


def test_a_run_that_is_struck_again_and_again(home: Home, adapt: Command, ledger: Ledger) -> None:
    home.strike(ledger, "kill: several in turn", adapt, CHAIN)
    assert ledger.injected["kill: several in turn"] >= 7


@pytest.mark.whole
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_run(kind: str, home: Home, adapt: Command, ledger: Ledger) -> None:
    wanted = 50 if kind == "files" else 12
    for strike in strikes(kind, home.counts(adapt)[kind], wanted):
        home.strike(ledger, f"kill: {kind}", adapt, [strike])


@pytest.mark.whole
@pytest.mark.parametrize("number", REFUSALS, ids=lambda number: errno.errorcode[number])
def test_a_disk_that_refuses_from_some_moment_on(
    number: int, home: Home, adapt: Command, ledger: Ledger
) -> None:
    wanted = 20 if number == errno.ENOSPC else 8
    for strike in strikes("files", home.counts(adapt)["files"], wanted, [number]):
        home.strike(ledger, f"disk: {errno.errorcode[number]}", adapt, [strike])
