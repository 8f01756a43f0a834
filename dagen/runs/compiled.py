"""What compiling the student cost a run, and whether it paid."""

from __future__ import annotations

from dataclasses import dataclass

PLAIN_STEPS = 5
"""So many steps at the start of a run are never compiled: the others are compared with them."""


@dataclass(frozen=True)
class Compiled:
    """What compiling cost and saved, in the attempt that ended the run.

    Attributes:
        seconds: seconds of compiling, or of reading compiled code from the cache.
        steps: number of compiled steps.
        passes: share of the student's passes in these steps that were compiled, from 0 to 1.
        step: median seconds of the first compiled steps, without the wait for their batches and
            without compiling.
        plain: the same of the steps before, which are not compiled; None if there is nothing to
            compare with: the attempt began after them, or several processes shared the batches.
    """

    seconds: float
    steps: int
    passes: float
    step: float
    plain: float | None = None

    @property
    def gained(self) -> float | None:
        """Seconds that the run took less for compiling, below 0 if it took more."""
        return None if self.plain is None else self.steps * (self.plain - self.step) - self.seconds

    def __str__(self) -> str:
        if not self.passes:
            return (
                "nothing was compiled: a strategy hooks into the network in every pass. Leave "
                "compile out."
            )
        cost = f"compiling took {self.seconds:.0f} s"
        if self.plain is None or self.gained is None:
            return f"{cost}; a step took {self.step:.3g} s. Plain steps were not timed here."
        both = f"a step took {self.step:.3g} s, and {self.plain:.3g} s before"
        if self.gained >= 0:
            return f"{cost} and paid: {both}; {self.gained:.0f} s less in {self.steps:,} steps."
        if self.step >= self.plain:
            return f"{cost} and did not pay: {both}. Leave compile out."
        enough = PLAIN_STEPS + self.seconds / (self.plain - self.step)
        return (
            f"{cost} and did not pay: {both}. At this cost it pays from {enough:,.0f} steps on; "
            "the next run finds the code in the cache."
        )
