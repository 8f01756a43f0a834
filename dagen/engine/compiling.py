"""Compiles the student's passes with ``torch.compile``, and measures what that costs and saves.

The first :data:`~dagen.runs.compiled.PLAIN_STEPS` steps of a run are plain, by their number alone,
so that a resumed run computes the same. From then on each kind of pass (domain, size) is compiled
when it first comes. Copies of the student, which are scored, averaged and saved, stay plain.

Two kinds of passes stay plain in all steps: those into which a strategy hooks, because hooks are
made anew in each pass and would be compiled each time, and the one by which the target's batch-norm
statistics replace the source's, because it comes once.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

import torch
from torch import Tensor, nn

from dagen.batch_norm import layers
from dagen.engine.compiler import explained, keep_code
from dagen.engine.stack import Stack
from dagen.runs.compiled import PLAIN_STEPS, Compiled
from dagen.runs.config import Config
from dagen.system.distributed import World
from dagen.types import SegOut

logger = logging.getLogger("dagen")

_KINDS = 64
"""Most kinds of passes through one class of networks in a process; PyTorch's default is 8."""
_TIMED = 100
"""Compiled steps that are timed; later ones are less like the plain steps, by warm-ups and such."""


class Pace:
    """A run that does not compile: nothing happens around its steps."""

    def begin(self, step: int) -> None:
        """Called when the batch of a step is there."""

    def end(self) -> None:
        """Called after the step."""

    def found(self) -> Compiled | None:
        """What compiling cost and saved; None if nothing was compiled."""
        return None


@contextmanager
def compiling(
    stack: Stack, optimizers: Sequence[torch.optim.Optimizer], config: Config, world: World
) -> Iterator[Pace]:
    """Let the steps inside the block compile the student, if ``config`` says so.

    Args:
        stack: the run's stack, on its device.
        optimizers: the student's first.
        config: configuration of the run.
        world: this process.

    Raises:
        DagenError: the network cannot be compiled, or there is no working compiler.
    """
    if not config.compile:
        yield Pace()
        return
    from torch._dynamo import config as dynamo

    keep_code()
    # DDP would split the student's graph at the borders of its buckets of gradients.
    with dynamo.patch(recompile_limit=_KINDS, optimize_ddp=False), explained(config.model):
        pace = _Compiler(stack, optimizers[0], alone=world.size == 1)
        try:
            with pace.listening():
                yield pace
        finally:
            stack.call = None


class _Pass:
    """The student's pass: compiled, unless something about it comes once or is always new.

    Attributes:
        count: passes so far.
        compiled: those of them that were compiled.
    """

    def __init__(self, student: nn.Module) -> None:
        self._student = student
        self._norms = layers(student)
        # Dropout draws as in a plain pass, so that both compute the same but for rounding.
        self._call = torch.compile(
            student.forward, fullgraph=True, dynamic=False, options={"fallback_random": True}
        )
        self.count = self.compiled = 0

    def __call__(self, image: Tensor) -> SegOut:
        """The student's output for (B, 3, H, W) images."""
        self.count += 1
        if self._is_hooked() or any(norm.momentum == 1 for norm in self._norms):
            out: SegOut = self._student(image)
            return out
        self.compiled += 1
        out = self._call(image.contiguous())
        return out

    def _is_hooked(self) -> bool:
        return any(m._forward_hooks or m._forward_pre_hooks for m in self._student.modules())


class _Compiler(Pace):
    """Compiles from a step on, and times the steps before and after."""

    def __init__(self, stack: Stack, optimizer: torch.optim.Optimizer, *, alone: bool) -> None:
        self._stack, self._optimizer, self._alone = stack, optimizer, alone
        self._pass: _Pass | None = None
        self._plain: list[float] = []
        self._timed: list[float] = []
        self._steps = 0
        self._seconds = 0.0  # of compiling
        self._before = 0.0  # the same at the beginning of the step
        self._started = 0.0
        if not alone:  # DDP lays out its buckets of gradients like the parameters that it is given
            self._lay_out()

    def begin(self, step: int) -> None:
        """Compile from here on, or not yet."""
        if step >= PLAIN_STEPS and self._pass is None:
            if self._alone:
                self._lay_out()
            self._stack.call = self._pass = _Pass(self._stack.student)
        self._before = self._seconds
        self._started = time.perf_counter()

    def end(self) -> None:
        """Note how long the step took, unless something was compiled in it."""
        spent = time.perf_counter() - self._started
        if self._pass is None:
            self._plain.append(spent)
            return
        self._steps += 1
        if self._seconds == self._before and len(self._timed) < _TIMED:
            self._timed.append(spent)
        if self._steps == 1 and not self._pass.compiled:
            logger.warning(
                "compile: a strategy hooks into the network in every pass of this step, so that "
                "nothing of it is compiled."
            )

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Add up the seconds of compiling inside the block; backward passes are compiled later."""
        from torch._dynamo.callback import callback_handler

        started = 0.0

        def start(_: object) -> None:
            nonlocal started
            started = time.perf_counter()

        def stop(_: object) -> None:
            self._seconds += time.perf_counter() - started

        callback_handler.register_start_callback(start)
        callback_handler.register_end_callback(stop)
        try:
            yield
        finally:
            callback_handler.remove_start_callback(start)
            callback_handler.remove_end_callback(stop)

    def found(self) -> Compiled | None:
        """What compiling cost and saved; None if no step of this attempt was compiled and timed."""
        if self._pass is None or not self._timed:
            return None
        plain = list(islice(self._plain, 1, None))  # the first allocates
        return Compiled(
            seconds=self._seconds,
            steps=self._steps,
            passes=self._pass.compiled / max(1, self._pass.count),
            step=statistics.median(self._timed),
            plain=statistics.median(plain) if plain and self._alone else None,
        )

    def _lay_out(self) -> None:
        """Put the student's weights in the usual layout, which compiled code is faster in."""
        self._stack.student.to(memory_format=torch.contiguous_format)
        for state in self._optimizer.state.values():
            for name, value in state.items():
                if isinstance(value, Tensor):
                    state[name] = value.contiguous()
