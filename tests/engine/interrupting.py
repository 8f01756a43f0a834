"""Ends a run in the middle, as Ctrl-C does."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dagen.engine import loop
from dagen.runs.config import Config


@contextmanager
def interrupted(at: int) -> Iterator[None]:
    """Within this block a run ends before a step, and has to come that far."""
    plain = loop.schedule

    def schedule(step: int, config: Config) -> float:
        if step == at:
            raise KeyboardInterrupt
        return plain(step, config)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop, "schedule", schedule)
        yield
