"""The place where commands are struck: data sets, and what undisturbed commands leave."""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tests import tiny
from tests.faults import forked, moments
from tests.faults.forked import Ending
from tests.faults.ledger import Ledger
from tests.faults.moments import Strike
from tests.faults.traces import difference, traces

BASE = [
    "--model", "enet", "--task", "binary", "--size", "32x64", "--steps", "4", "--batch", "2",
    "--set", "width=0.25", "--set", "warmup=1", "--device", "cpu", "--workers", "0", "--quiet",
]  # fmt: skip
ADAPT = (
    "adapt", "--src", "resortit", "--tgt", "taco", "--method", "minent", *BASE, "--no-track",
    "--candidates", "2", "--batch-norm", "separate", "--target-labels", "2",
)  # fmt: skip
TRACKED = tuple(each for each in ADAPT if each != "--no-track")
STRUCK = (-9, -15, 0, 1, 130, 143)
"""The codes with which a struck command may end; 0 if it was done, 1 if it said why it stopped."""


@dataclass(frozen=True)
class Command:
    """A command that is struck.

    Attributes:
        name: what it is.
        body: its arguments, without ``--runs`` and what follows from the place; or a function
            of the folder of all runs, for a part of a command.
        start: folder whose content is there before it runs.
        whole: what is there after it has run undisturbed; beside it are the caches.
    """

    name: str
    body: tuple[str, ...] | Callable[[Path], None]
    start: Path | None = None
    whole: Path = Path()

    def after(self, pattern: str) -> "Command":
        """The same command where the runs that fit a pattern are done already."""
        start = self.whole.with_name("start")
        for folder in self.whole.glob(pattern):
            shutil.copytree(folder, start / folder.name)
        return replace(self, start=start)


class Home:
    """A folder with data sets, in a process that has imported everything."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data, self._count = folder, folder / "data", 0
        tiny.make_resortit(self.data, train=4, val=1, size=(32, 64))
        tiny.make_taco(self.data, train=4, val=2, size=(32, 64))

    def scratch(self) -> Path:
        """A new folder."""
        self._count += 1
        path = self.folder / f"scratch-{self._count}"
        path.mkdir()
        return path

    def undisturbed(self, command: Command) -> Command:
        """The same command with what it leaves; it is run for that."""
        runs = self.begin(command)
        body, scratch = self._body(command, runs), self.scratch()
        ending = forked.warm(body, scratch, lambda: _alike(runs))
        assert ending.code == 0, ending.text
        return replace(command, whole=runs)

    def counts(self, command: Command) -> dict[str, int]:
        """The moments of a command by kind."""
        runs, scratch = self.begin(command), self.scratch()
        ending = self.call(command, runs, None, scratch / "counts.json")
        assert ending.code == 0, ending.text
        counts: dict[str, int] = json.loads((scratch / "counts.json").read_text())
        shutil.rmtree(runs.parent)
        return counts

    def call(
        self,
        command: Command,
        runs: Path,
        strike: Strike | None = None,
        counts: Path | None = None,
        prepare: Callable[[], None] = lambda: None,
    ) -> Ending:
        """Run a command in a folder of runs, with a state saved after each step."""

        def prepared() -> None:
            _alike(runs)
            prepare()
            if strike is not None or counts is not None:
                moments.watch(runs.parent, strike, counts)

        return forked.fork(self._body(command, runs), self.folder / "output.txt", prepared)

    def strike(
        self, ledger: Ledger, kind: str, command: Command, strikes: Sequence[Strike]
    ) -> None:
        """Strike a command, strike it again when it resumes, then leave it alone and compare."""
        runs = self.begin(command)
        reached, loss = 0, None
        for strike in strikes:
            ending = self.call(command, runs, strike)
            reached += (runs.with_name(moments.REACHED)).is_file()
            runs.with_name(moments.REACHED).unlink(missing_ok=True)
            if ending.code not in STRUCK or ending.fault:
                loss = f"{strike}: {ending.code}, {ending.fault or ending.text[-500:]}"
                break
        else:
            loss = self.resumed(command, runs)
        assert reached or loss, f"{command.name} had no such moment: {', '.join(map(str, strikes))}"
        said = f"{command.name}, {', '.join(map(str, strikes))}: {loss}"
        ledger.add(kind, said if loss else None, max(1, reached))
        shutil.rmtree(runs.parent)

    def resumed(self, command: Command, runs: Path) -> str | None:
        """What is lost when a struck command is run again."""
        ending = self.call(command, runs)
        if ending.code != 0 or ending.fault:
            return f"does not resume ({ending.code}): {ending.text[-1500:]}"
        found, expected = traces(runs.parent), traces(command.whole.parent)
        return None if found == expected else f"differs in {difference(found, expected)}"

    def delivered(self, command: Command, runs: Path) -> str | None:
        """Like :meth:`resumed`; what MLflow could not take is delivered first, as by ``ui``."""
        from dagen.tracking.delivery import deliver_pending

        again = self.call(command, runs)
        if again.code != 0 or again.fault:
            return f"does not resume ({again.code}): {again.text[-1500:]}"
        forked.fork(lambda: bool(deliver_pending(runs)) and None, self.folder / "delivery.txt")
        return self.resumed(command, runs)

    def begin(self, command: Command) -> Path:
        """A new folder of all runs, as a command finds it."""
        runs = self.scratch() / "runs"
        if command.start is not None:
            shutil.copytree(command.start, runs)
        return runs

    def _body(self, command: Command, runs: Path) -> Callable[[], int | None]:
        body = command.body
        if callable(body):
            return partial(body, runs)
        place = ["--runs", str(runs), "--data-root", str(self.data)]
        arguments = [each.replace("{runs}", str(runs)) for each in body]
        return forked.dagen([*arguments, *place])


def _alike(runs: Path) -> None:
    """A cache of its own for each place, and a state after each step, for which no option is."""
    from dagen.cli.options import Execution

    os.environ["DAGEN_CACHE"] = str(runs.with_name("cache"))
    usual = Execution.runtime
    Execution.runtime = lambda self, **kind: replace(usual(self, **kind), save_every=1)  # type: ignore


def make_store(runs: Path) -> None:
    """Make MLflow's store in a folder of runs."""
    from dagen.tracking.store import connect, tracking_uri

    connect(tracking_uri(runs))
