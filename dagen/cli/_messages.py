"""Typer's own messages about what was typed, cut to a length that people read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from dagen.errors import short

_LONGEST = 300
"""Most characters of a message; it may quote a whole option, argument or command."""
# Typer exports the errors of the parser that it comes with, but not their base.
_UsageError: Any = typer.BadParameter.__mro__[1]


class Commands(TyperGroup):
    """The commands of ``dagen``."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the options before the command."""
        with _cut():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Read the command with its options, and run it."""
        with _cut():
            return super().invoke(ctx)


@contextmanager
def _cut() -> Iterator[None]:
    try:
        yield
    except _UsageError as error:
        if error.message:
            error.message = short(error.message, _LONGEST)
        raise
