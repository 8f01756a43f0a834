"""Errors that a user can fix, in one line each: what was given, what is allowed, what to do."""

import difflib
import reprlib
from collections.abc import Iterable

_CUT = 100
"""Most characters of one input that a message quotes."""
_LONGEST = 1500
"""Most characters of a message."""
_LISTED = 200
"""Most characters of a list of allowed names."""


class DagenError(Exception):
    """An error that a user can fix; the command line prints it without a traceback.

    Its message is one line, whatever names of files and values it quotes.
    """

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(short(message, _LONGEST))


class UsageError(DagenError):
    """A wrong option, name or configuration."""

    exit_code = 2


class DataError(DagenError):
    """A data set that is missing, damaged or inconsistent."""


def unknown(what: str, given: str, allowed: Iterable[str]) -> UsageError:
    """The error for an unknown name; its message suggests the nearest known one.

    Args:
        what: what the name stands for, such as ``"method"``.
        given: the name as it was typed.
        allowed: every name that would have been accepted.
    """
    names = sorted({*allowed})
    near = difflib.get_close_matches(given[:_CUT], names, n=1)
    hint = f"; did you mean '{short(near[0])}'?" if near else "."
    return UsageError(f"unknown {what} '{short(given)}'{hint} Allowed: {listed(names)}.")


def listed(names: Iterable[str]) -> str:
    """Names with commas; a long list ends with the number of names that are left out."""
    known = list(names)
    kept: list[str] = []
    for name in known:
        if kept and len(", ".join([*kept, short(name)])) > _LISTED:
            break
        kept.append(short(name))
    left = len(known) - len(kept)
    return ", ".join(kept) + (f" and {left} more" if left else "") or "none"


def short(value: object, limit: int = _CUT) -> str:
    """A value as one line of a message, without control characters and without quotes.

    Args:
        value: text, which stays as it is, or anything else, which is written as Python writes it.
        limit: most characters; if there are more, the middle is left out.
    """
    text = value if isinstance(value, str) else _written(value, limit)
    if len(text) > limit:
        text = f"{text[: limit - limit // 3]}…{text[-(limit // 3) :]}"
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return line if len(line) <= 2 * limit else f"{line[: 2 * limit]}…"


def quoted(value: object, limit: int = _CUT) -> str:
    """Like :func:`short`, with quotes around text, as in ``task is 'glass'``."""
    return f"'{short(value, limit)}'" if isinstance(value, str) else short(value, limit)


def _written(value: object, limit: int) -> str:
    """What ``repr`` writes, without the inner parts of values that are large or deep."""
    if type(value).__module__ == "builtins":
        writer = reprlib.Repr()
        writer.maxlevel, writer.maxdict, writer.maxlist, writer.maxtuple = 3, 10, 20, 20
        writer.maxstring = writer.maxlong = writer.maxother = limit
        try:
            return writer.repr(value)
        except ValueError:  # an integer of thousands of digits
            return f"a number of {value.bit_length()} bits" if isinstance(value, int) else "..."
    return str(value)


class Stopped(DagenError):
    """The run was asked to stop (SIGTERM, or Ctrl-C once) and saved its state first.

    Args:
        message: the sentence for the user.
        signal: number of the signal that came; another process of the run may have got it.
    """

    def __init__(self, message: str, signal: int = 15) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal
