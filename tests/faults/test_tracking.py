"""Kills while MLflow's store is made and while logs are delivered: nothing lost, nothing double."""

import signal
from functools import partial
from pathlib import Path

import pytest

from dagen.tracking.delivery import deliver_pending
from tests.faults import forked
from tests.faults.home import TRACKED, Command, Home
from tests.faults.ledger import Ledger
from tests.faults.moments import Strike, strikes
from tests.tracking import made


def deliver(runs: Path) -> None:
    """What ``dagen ui`` does before it shows anything."""
    deliver_pending(runs)


@pytest.fixture(scope="module")
def delivery(home: Home) -> Command:
    """Two finished runs whose logs MLflow does not have."""
    start = home.scratch() / "runs"

    def finished() -> None:
        for method in ("advent", "minent"):
            made.finish(made.config(method), start, track=True)
        made.with_store(start)

    def dead(patch: pytest.MonkeyPatch) -> None:
        patch.setattr("dagen.tracking.delivery.Delivery.close", lambda self: False)

    with pytest.MonkeyPatch.context() as patch:
        ending = forked.fork(finished, home.folder / "made.txt", partial(dead, patch))
    assert ending.code == 0, ending.text
    return home.undisturbed(Command("delivery", deliver, start))


def test_a_store_and_a_delivery_that_are_killed(
    home: Home, store: Command, delivery: Command, ledger: Ledger
) -> None:
    home.strike(ledger, "kill: store", store, [Strike("SQL", 100, signal.SIGKILL)])
    home.strike(ledger, "kill: delivery", delivery, [Strike("delivery", 12, signal.SIGKILL)])


@pytest.mark.whole
@pytest.mark.parametrize(("kind", "wanted"), [("SQL", 20), ("files", 4)])
def test_a_killed_store(kind: str, wanted: int, home: Home, store: Command, ledger: Ledger) -> None:
    for strike in strikes(kind, home.counts(store)[kind], wanted):
        home.strike(ledger, "kill: store", store, [strike])


@pytest.mark.whole
@pytest.mark.parametrize(("kind", "wanted"), [("SQL", 25), ("delivery", 25), ("files", 10)])
def test_a_killed_delivery(
    kind: str, wanted: int, home: Home, delivery: Command, ledger: Ledger
) -> None:
    for strike in strikes(kind, home.counts(delivery)[kind], wanted):
        home.strike(ledger, f"kill: delivery, {kind}", delivery, [strike])


@pytest.mark.whole
@pytest.mark.parametrize(("kind", "wanted"), [("delivery", 8), ("SQL", 8)])
def test_a_killed_run_that_is_tracked(
    kind: str, wanted: int, home: Home, store: Command, ledger: Ledger
) -> None:
    run = home.undisturbed(Command("tracked run", TRACKED, store.whole))
    for strike in strikes(kind, home.counts(run)[kind], wanted):
        home.strike(ledger, "kill: tracked run", run, [strike])
