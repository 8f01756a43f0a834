"""The ledger of a session, and the place where commands are struck."""

import gc
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.fuzzing import SECONDS
from tests.faults.home import ADAPT, Command, Home, make_store
from tests.faults.ledger import Ledger, page


class _Keeper:
    """Adds up the ledgers of all tests, also of those in other processes."""

    def __init__(self, file: Path) -> None:
        self.file, self.ledger, self.started = file, Ledger(), time.monotonic()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            for name, rows in report.user_properties:
                if name == "faults":
                    self.ledger.take(rows)  # type: ignore[arg-type]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("faults")
        terminalreporter.write_line(self.ledger.table())
        seconds = time.monotonic() - self.started
        self.file.write_text(page(self.ledger, seconds, SECONDS))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--whole",
        metavar="FILE",
        type=Path,
        help="run the whole harness of faults, and write its table to FILE",
    )


def pytest_configure(config: pytest.Config) -> None:
    file = config.getoption("--whole", default=None)
    if file is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Keeper(file))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--whole", default=None) is None:
        left = [item for item in items if item.get_closest_marker("whole")]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


@pytest.fixture(scope="session")
def whole(request: pytest.FixtureRequest) -> bool:
    """Whether the whole harness runs, not the small part that ``make test`` runs."""
    return request.config.getoption("--whole", default=None) is not None


@pytest.fixture
def ledger(record_property: Any) -> Iterator[Ledger]:
    """The ledger of one test, which fails if anything is lost."""
    own = Ledger()
    yield own
    record_property("faults", own.plain())
    own.check()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Data sets, and a process in which everything is imported."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("DAGEN_CACHE", str(folder / "cache"))
        for name, value in (("NO_COLOR", "1"), ("TERM", "dumb"), ("COLUMNS", "200")):
            patch.setenv(name, value)
        yield Home(folder)
    gc.unfreeze()  # see `warm`


@pytest.fixture(scope="session")
def adapt(home: Home) -> Command:
    """An adapted run whose baseline is done: separate statistics, candidates, labelled images."""
    return home.undisturbed(Command("adapt", ADAPT)).after("resortit-enet-*")


@pytest.fixture(scope="session")
def store(home: Home) -> Command:
    """What makes MLflow's store."""
    return home.undisturbed(Command("making the store", make_store))
