"""What was injected, and what became of it."""

import platform
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("torch", "mlflow", "safetensors", "hypothesis")
ORDER = ("kill", "disk", "damage", "server", "fuzz")
"""Groups of kinds, as the tables show them."""


@dataclass
class Ledger:
    """Counts by kind; a kind is ``group: what``.

    Attributes:
        injected: number of injections.
        losses: what was lost, a line each.
    """

    injected: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    losses: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, kind: str, loss: str | None = None, count: int = 1) -> None:
        """Count injections, of which one may be lost."""
        self.injected[kind] += count
        if loss is not None:
            self.losses[kind].append(loss)
            print(f"LOST {kind}: {loss}")

    def plain(self) -> list[tuple[str, int, list[str]]]:
        """Plain values, which pytest sends from process to process."""
        return [(kind, count, self.losses[kind]) for kind, count in self.injected.items()]

    def take(self, rows: Iterable[tuple[str, int, list[str]]]) -> None:
        """Add the plain values of another ledger."""
        for kind, count, losses in rows:
            self.injected[kind] += count
            self.losses[kind] += losses

    def check(self) -> None:
        """Fail if anything was lost."""
        lost = [f"{kind}: {loss}" for kind, losses in self.losses.items() for loss in losses]
        assert not lost, f"{len(lost)} lost:\n" + "\n\n".join(lost[:10])

    def table(self) -> str:
        """The table, in Markdown."""
        lines = ["| kind | injected | survived | lost |", "|---|---|---|---|"]
        for group in ORDER:
            kinds = sorted(kind for kind in self.injected if kind.startswith(f"{group}:"))
            lines += [self._row(kind, [kind]) for kind in kinds]
            if kinds:
                lines.append(self._row(f"**all of {group}**", kinds))
        return "\n".join(lines)

    def _row(self, title: str, kinds: list[str]) -> str:
        count = sum(self.injected[kind] for kind in kinds)
        lost = sum(len(self.losses[kind]) for kind in kinds)
        return f"| {title} | {count:,} | {count - lost:,} | {lost:,} |"


PAGE = """# Faults

`make test-faults` injects faults into dagen and counts what is lost. A kill or a full disk has been
survived if the same command, run again, ends with the files, scores and MLflow runs of an
undisturbed run, the networks identical to the bit. Damage to a file has been survived if each
command that reads it either prints one line that says what to do, or gives the right result. A
fuzzed input has been survived if its reader returns a value or raises one of dagen's errors, within
{limit:.0f} seconds.

{table}

Made again with `make test-faults`, which overwrites this file. This one: commit {commit}, {date},
Python {python}, {versions}; {minutes:.0f} minutes.
"""


def page(ledger: Ledger, seconds: float, limit: float) -> str:
    """The committed page."""
    return PAGE.format(
        table=ledger.table(),
        limit=limit,
        commit=_commit(),
        date=time.strftime("%Y-%m-%d"),
        python=platform.python_version(),
        versions=", ".join(f"{name} {version(name)}" for name in PACKAGES),
        minutes=seconds / 60,
    )


def _commit() -> str:
    here = Path(__file__).parent
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    found = subprocess.run(command, cwd=here, capture_output=True, text=True)
    return found.stdout.strip() or "unknown"
